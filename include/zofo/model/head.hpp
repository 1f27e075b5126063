/// @file Final norm and output head at the positions that a loss asks for, a slice of the vocabulary at a
/// time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "zofo/model/batch.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model/probed.hpp"
#include "zofo/tensor/cpu/elementwise.hpp"

namespace zofo::model {

/// Log-probabilities of a batch's targets from the last hidden states; logits exist only for the rows asked
/// for.
template <class Backend>
class Head {
 public:
  using View = typename Backend::View;
  using ConstView = typename Backend::ConstView;
  using Buffer = typename Backend::Buffer;

  /// results[j][t] = log P of target t at probe j of a group (neighbouring probes of one direction);
  /// hidden[j]: [tokens, width].
  template <class Law>
  void log_probabilities(const Parameters& theta, const Law& law, std::span<const Probe> group,
                         const Batch& batch, std::span<const View> hidden, std::vector<double>* results) {
    index_rows(batch);
    const Config& c = theta.config();
    std::vector<View> x(group.size());
    normed_.resize(std::max(normed_.size(), group.size()));
    const auto gains = probed(theta, law, group, theta.output_norm(), 0, c.width);
    for (std::size_t j = 0; j < group.size(); ++j) {
      const View rows = gather(hidden[j]);
      x[j] = Backend::view(normed_[j], rows_.size(), c.width);
      Backend::rms_norm(rows, gains[j], c.norm_eps, x[j]);
      results[j].assign(batch.targets.size(), 0.0);
    }
    std::vector<std::vector<RunningSum>> sums(group.size(), std::vector<RunningSum>(rows_.size()));
    for (std::size_t first = 0; first < c.vocab; first += slice) {
      const std::size_t count = std::min(slice, c.vocab - first);
      const auto w = probed(theta, law, group, theta.head(), first * c.width, count * c.width);
      for (std::size_t j = 0; j < group.size(); ++j) {
        const View logits = Backend::view(logits_, rows_.size(), count);
        Backend::gemm_nt(1.0F, x[j], tensor::cpu::view(w[j], count, c.width), 0.0F, logits);
        for (std::size_t r = 0; r < rows_.size(); ++r) sums[j][r].add(logits.row(r), count);
        pick(batch, first, logits, results[j]);
      }
    }
    for (std::size_t j = 0; j < group.size(); ++j)
      for (std::size_t t = 0; t < batch.targets.size(); ++t) results[j][t] -= sums[j][row_of_[t]].log();
  }

  /// The loss's value; `h` holds the last hidden states on entry and their gradient on exit.
  template <class Loss>
  double value_and_gradient(const Parameters& theta, const Batch& batch, View h, Loss& loss) {
    index_rows(batch);
    const Config& c = theta.config();
    if (normed_.empty()) normed_.resize(1);
    const View rows = gather(h);
    const View x = Backend::view(normed_[0], rows_.size(), c.width);
    Backend::rms_norm(rows, theta.data(theta.output_norm()), c.norm_eps, x);
    const ConstView w = tensor::cpu::view(theta.data(theta.head()), c.vocab, c.width);
    const View logits = Backend::view(logits_, rows_.size(), c.vocab);
    Backend::gemm_nt(1.0F, x, w, 0.0F, logits);

    std::vector<double> log_sums(rows_.size());
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      RunningSum sum;
      for (std::size_t first = 0; first < c.vocab; first += slice)
        sum.add(logits.row(r) + first, std::min(slice, c.vocab - first));
      log_sums[r] = sum.log();
    }
    std::vector<double> log_p(batch.targets.size(), 0.0);
    std::vector<double> d_log_p(batch.targets.size(), 0.0);
    pick(batch, 0, logits, log_p);
    for (std::size_t t = 0; t < log_p.size(); ++t) log_p[t] -= log_sums[row_of_[t]];
    const double value = loss(std::span<const double>(log_p), std::span<double>(d_log_p));
    logit_gradient(batch, log_sums, d_log_p, logits);

    const View dx = Backend::view(d_normed_, rows_.size(), c.width);
    Backend::gemm_nn(1.0F, logits, w, 0.0F, dx);
    const View d_rows = Backend::view(d_rows_, rows_.size(), c.width);
    std::fill_n(d_rows.data, rows_.size() * c.width, 0.0F);
    Backend::rms_norm_backward(rows, theta.data(theta.output_norm()), c.norm_eps, dx, d_rows);
    std::fill_n(h.data, h.rows * h.cols, 0.0F);
    for (std::size_t r = 0; r < rows_.size(); ++r) std::copy_n(d_rows.row(r), c.width, h.row(rows_[r]));
    return value;
  }

 private:
  // 2,048 rows of a 576-wide head are 4.5 MiB: they stay in the last-level cache between generation and
  // product.
  static constexpr std::size_t slice = 2048;

  // log Σ exp over slices, stable by a running maximum.
  struct RunningSum {
    double high = -std::numeric_limits<double>::infinity();
    double sum = 0.0;

    void add(const float* x, std::size_t n) {
      float top = x[0];
#pragma omp simd reduction(max : top)
      for (std::size_t i = 0; i < n; ++i) top = std::max(top, x[i]);
      float part = 0.0F;
#pragma omp simd reduction(+ : part)
      for (std::size_t i = 0; i < n; ++i) part += tensor::cpu::fast_exp(x[i] - top);
      const double both = std::max(high, static_cast<double>(top));
      sum =
          sum * std::exp(high - both) + static_cast<double>(part) * std::exp(static_cast<double>(top) - both);
      high = both;
    }
    [[nodiscard]] double log() const { return high + std::log(sum); }
  };

  // Distinct (sequence, position) pairs become rows of the head's input.
  void index_rows(const Batch& batch) {
    rows_.clear();
    row_of_.clear();
    std::map<std::size_t, std::size_t> seen;
    for (const Target& t : batch.targets) {
      const std::size_t token = batch.cu_seqlens[t.sequence] + t.position;
      const auto [place, fresh] = seen.try_emplace(token, rows_.size());
      if (fresh) rows_.push_back(token);
      row_of_.push_back(place->second);
    }
  }

  View gather(ConstView h) {
    const View rows = Backend::view(gathered_, rows_.size(), h.cols);
    for (std::size_t r = 0; r < rows_.size(); ++r) std::copy_n(h.row(rows_[r]), h.cols, rows.row(r));
    return rows;
  }

  // A range of one tensor at each probe of the group.
  template <class Law>
  std::vector<const float*> probed(const Parameters& theta, const Law& law, std::span<const Probe> group,
                                   std::size_t tensor, std::size_t offset, std::size_t n) {
    const float* base = theta.data(tensor) + offset;
    if (group[0].scale == 0.0) return {base};
    // The norm's gain is read before the head's slices overwrite the scratch.
    scratch_.resize(std::max(scratch_.size(), group.size()));
    std::vector<float*> out(group.size());
    for (std::size_t j = 0; j < group.size(); ++j) out[j] = Backend::view(scratch_[j], 1, n).data;
    write_probed(law, group, static_cast<std::uint32_t>(tensor), offset, base, n, out);
    return {out.begin(), out.end()};
  }

  void pick(const Batch& batch, std::size_t first, ConstView logits, std::vector<double>& out) const {
    for (std::size_t t = 0; t < batch.targets.size(); ++t) {
      const auto token = static_cast<std::size_t>(batch.targets[t].token);
      if (token >= first && token < first + logits.cols)
        out[t] = static_cast<double>(logits.row(row_of_[t])[token - first]);
    }
  }

  // logits become their own gradient: Σ_t d_t (onehot_t − softmax).
  void logit_gradient(const Batch& batch, std::span<const double> log_sums, std::span<const double> d_log_p,
                      View logits) const {
    std::vector<double> total(rows_.size(), 0.0);
    for (std::size_t t = 0; t < d_log_p.size(); ++t) total[row_of_[t]] += d_log_p[t];
#pragma omp parallel for schedule(static)
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      float* row = logits.row(r);
      const auto weight = static_cast<float>(-total[r]);
      const auto shift = static_cast<float>(log_sums[r]);
#pragma omp simd
      for (std::size_t i = 0; i < logits.cols; ++i) row[i] = weight * tensor::cpu::fast_exp(row[i] - shift);
    }
    for (std::size_t t = 0; t < d_log_p.size(); ++t)
      logits.row(row_of_[t])[static_cast<std::size_t>(batch.targets[t].token)] +=
          static_cast<float>(d_log_p[t]);
  }

  std::vector<std::size_t> rows_;
  std::vector<std::size_t> row_of_;
  std::vector<Buffer> normed_, scratch_;
  Buffer logits_, gathered_, d_normed_, d_rows_;
};

}  // namespace zofo::model
