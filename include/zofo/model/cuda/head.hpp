/// @file Logits and log-probabilities on the GPU, one slice of the vocabulary at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/model/cuda/products.hpp"
#include "zofo/tensor/cuda/kernels/decode.hpp"
#include "zofo/tensor/cuda/kernels/head.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::model {

/// The operations of CudaBackend between the last hidden states and the log-probabilities.
template <class T>
class CudaHead : public CudaProducts<T> {
  using Base = CudaProducts<T>;

 public:
  using typename Base::Call;
  using typename Base::ConstView;
  using typename Base::FloatView;
  using typename Base::View;

  using Base::Base;

  /// Distance of two rows of `count` logits: rows are aligned to 16 bytes.
  static std::size_t logit_stride(std::size_t count) { return (count + 7) / 8 * 8; }
  /// out = the rows of h at the call's head rows, at each probe.
  void gather(Call& call, ConstView h, View out) {
    tensor::cuda::gather_rows<T>(call.stream(), call.row_shape(), static_cast<std::uint32_t>(h.cols),
                                 call.head_tokens(), call.shape().head_rows, h.data, out.data);
  }
  /// dh = 0, then its head rows = d; one probe.
  void scatter(Call& call, ConstView d, View dh) {
    tensor::cuda::scatter_rows<T>(call.stream(), call.row_shape(), static_cast<std::uint32_t>(dh.cols),
                                  call.head_tokens(), call.shape().head_rows, call.used_head_rows(), d.data,
                                  dh.data);
  }
  /// Clears the running sums.
  void begin_head(Call& call) {
    tensor::cuda::begin_sums(call.stream(), call.sums(), call.probes() * call.head_rows());
  }
  /// y = logits of the tokens from `first` on.
  void logits(Call& call, ConstView x, const LinearWeights<T>& w, std::size_t first, FloatView y) {
    state_->blas.multiply(product(call, x, w, y.stride), x.data, w.matrix.data, w.bias.data, y.data);
    if (state_->rank > 0) add_head_noise(call, x, y, first);
  }
  /// Logits are scaled and capped, in place.
  void adjust_logits(Call& call, const Config& c, FloatView logits) {
    tensor::cuda::soft_cap(call.stream(), cap_of(c, logits), logits.data);
  }
  /// The gradient of adjust_logits, in place of the output gradient; `logits`: what it wrote.
  void adjust_logits_backward(Call& call, const Config& c, FloatView logits, View d_logits) {
    tensor::cuda::soft_cap_backward<T>(call.stream(), cap_of(c, logits), logits.data, d_logits.data);
  }
  /// Adds a slice of logits, of the tokens from `first` on, to the running sums; stores the targets' logits.
  void add_slice(Call& call, FloatView logits, std::size_t first) {
    tensor::cuda::add_slice(call.stream(), slice(call, logits, first), call.targets(), call.sums(),
                            call.picked());
  }
  /// Computes the targets' log-probabilities.
  void finish_head(Call& call) {
    tensor::cuda::finish_log_probabilities(call.stream(), call.sums(), call.shape().head_rows, probes(call),
                                           call.targets(), call.picked(), call.log_p());
  }
  /// The column of the highest logit of each row, the first of equal ones; −1 if a logit is NaN.
  void pick_best(Call& call, FloatView logits) {
    tensor::cuda::best_columns(call.stream(), logits.data, static_cast<std::uint32_t>(logits.stride),
                               static_cast<std::uint32_t>(logits.cols), call.shape().head_rows, call.best());
  }
  /// d_logits = Σ_t d_t (onehot_t − softmax); one probe.
  void logit_gradient(Call& call, FloatView logits, View d_logits) {
    tensor::cuda::logit_gradient<T>(call.stream(), slice(call, logits, 0), call.sums(), call.targets(),
                                    call.dlogprobs(), d_logits.data);
  }

 protected:
  using Base::grow;
  using Base::probe_projection;
  using Base::probes;
  using Base::product;
  using Base::put;
  using Base::state_;

 private:
  static tensor::cuda::SoftCap cap_of(const Config& c, FloatView logits) {
    return {static_cast<std::uint32_t>(logits.rows), static_cast<std::uint32_t>(logits.cols),
            static_cast<std::uint32_t>(logits.stride), c.logit_scale, c.logit_cap};
  }
  // The logits of the vocabulary's entries from `first` on.
  static tensor::cuda::LogitSlice slice(const Call& call, FloatView logits, std::size_t first) {
    return {.logits = logits.data,
            .stride = static_cast<std::uint32_t>(logits.stride),
            .first = static_cast<std::uint32_t>(first),
            .count = static_cast<std::uint32_t>(logits.cols),
            .rows = call.shape().head_rows,
            .probes = probes(call)};
  }
  // logits += scale/√r·(x V) Uᵀ of the head's matrix, for the slice's rows of U.
  void add_head_noise(Call& call, ConstView x, FloatView logits, std::size_t first) {
    tensor::cuda::LowRankProjections list;
    put(list, probe_projection(call, state_->layout->head()), 0);
    list.projection[0].b += first;
    list.projection[0].out = static_cast<std::uint32_t>(logits.cols);
    grow(state_->t.memory, x.rows * list.t_width);
    if (first == 0)
      tensor::cuda::low_rank_in<T>(call.stream(), call.head_shape(), list, nullptr, x.data,
                                   state_->t.memory.data());
    tensor::cuda::low_rank_out<float>(call.stream(), call.head_shape(), list, nullptr,
                                      state_->t.memory.data(), logits.data,
                                      static_cast<std::uint32_t>(logits.stride));
  }
};

}  // namespace zofo::model
