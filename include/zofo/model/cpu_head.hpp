/// @file Log-probabilities from logits on the CPU, one slice of the vocabulary at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/model/cpu_call.hpp"
#include "zofo/tensor/cpu/elementwise.hpp"

namespace zofo::model {

/// The operations of CpuBackend between the last hidden states and the log-probabilities.
class CpuHead {
 public:
  ///@{
  /// Types of the operations' arguments.
  using Call = CpuCall;
  using View = tensor::MatrixView<float>;
  using ConstView = tensor::MatrixView<const float>;
  ///@}

  /// Distance of two rows of `count` logits.
  static std::size_t logit_stride(std::size_t count) { return count; }
  /// out = the rows of h at the call's head rows, at each probe.
  void gather(Call& call, ConstView h, View out) const {
    call.for_probes(out.rows, [&](std::size_t j, std::size_t first, std::size_t n) {
      for (std::size_t r = 0; r < n; ++r)
        std::copy_n(h.row(j * call.tokens() + call.head_tokens()[r]), h.cols, out.row(first + r));
    });
  }
  /// dh = 0, then its head rows = d; one probe.
  void scatter(Call& call, ConstView d, View dh) const {
    std::fill_n(dh.data, dh.rows * dh.cols, 0.0F);
    for (std::size_t r = 0; r < d.rows; ++r) std::copy_n(d.row(r), d.cols, dh.row(call.head_tokens()[r]));
  }
  /// Clears the running sums.
  void begin_head(Call& call) const { call.sums().assign(call.probes() * call.head_rows(), {}); }
  /// Adds a slice of logits, of the tokens from `first` on, to the running sums; stores the targets' logits.
  void add_slice(Call& call, ConstView logits, std::size_t first) const {
    for (std::size_t r = 0; r < logits.rows; ++r) call.sums()[r].add(logits.row(r), logits.cols);
    for (std::size_t j = 0; j < call.probes(); ++j)
      for (std::size_t t = 0; t < call.batch().targets.size(); ++t) {
        const auto token = static_cast<std::size_t>(call.batch().targets[t].token);
        if (token >= first && token < first + logits.cols)
          call.log_p()[j][t] =
              static_cast<double>(logits.row(j * call.head_rows() + call.head_row(t))[token - first]);
      }
  }
  /// Makes the targets' logits log-probabilities.
  void finish_head(Call& call) const {
    for (std::size_t j = 0; j < call.probes(); ++j)
      for (std::size_t t = 0; t < call.batch().targets.size(); ++t)
        call.log_p()[j][t] -= call.sums()[j * call.head_rows() + call.head_row(t)].log();
  }
  /// The column of the highest logit of each row, the first of equal ones; −1 if a logit is NaN.
  void pick_best(Call& call, ConstView logits) const {
    call.best().assign(logits.rows, -1);
#pragma omp parallel for schedule(static)
    for (std::size_t r = 0; r < logits.rows; ++r) {
      const float* const row = logits.row(r);
      std::size_t best = 0;
      bool numbers = true;
      for (std::size_t i = 0; i < logits.cols; ++i) {
        numbers = numbers && !std::isnan(row[i]);
        if (row[i] > row[best]) best = i;
      }
      if (numbers) call.best()[r] = static_cast<std::int32_t>(best);
    }
  }
  /// d_logits = Σ_t d_t (onehot_t − softmax); one probe.
  void logit_gradient(Call& call, ConstView logits, View d_logits) const {
    const std::span<const double> dlogprobs = call.dlogprobs();
    std::vector<double> total(logits.rows, 0.0);
    for (std::size_t t = 0; t < dlogprobs.size(); ++t) total[call.head_row(t)] += dlogprobs[t];
#pragma omp parallel for schedule(static)
    for (std::size_t r = 0; r < logits.rows; ++r) {
      const float* row = logits.row(r);
      float* out = d_logits.row(r);
      const auto weight = static_cast<float>(-total[r]);
      const auto shift = static_cast<float>(call.sums()[r].log());
#pragma omp simd
      for (std::size_t i = 0; i < logits.cols; ++i) out[i] = weight * tensor::cpu::fast_exp(row[i] - shift);
    }
    for (std::size_t t = 0; t < dlogprobs.size(); ++t)
      d_logits.row(call.head_row(t))[static_cast<std::size_t>(call.batch().targets[t].token)] +=
          static_cast<float>(dlogprobs[t]);
  }
};

}  // namespace zofo::model
