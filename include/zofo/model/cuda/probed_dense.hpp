/// @file Weights at the probes of one dense direction on the GPU, written one stage ahead of their use.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/model/cuda/probed.hpp"

namespace zofo::model {

/// Ranges of θ in the order of the forward pass, at one point or at the probes of one dense direction.
template <class T>
class CudaDense : public CudaStages<T> {
 public:
  /// `distribution` none: θ itself.
  CudaDense(const CudaParameters<T>& theta, tensor::cuda::Distribution distribution, ProbeScratch<T>& scratch,
            std::size_t overlap_below)
      : CudaStages<T>(theta, scratch, overlap_below), distribution_(distribution) {}

  /// Part of the key of a recorded pass.
  [[nodiscard]] std::uint64_t key() const { return static_cast<std::uint64_t>(distribution_); }
  /// Rank of low-rank products that the backend adds: none.
  [[nodiscard]] static constexpr std::uint32_t rank() { return 0; }

  /// Allocates memory; called outside of a recording.
  void prepare(const CudaCall& call) {
    if (distribution_ != tensor::cuda::Distribution::none) this->grow_ring(call);
  }
  /// Starts a pass.
  void begin(const CudaCall& call) { call_ = &call; }
  /// Range i at each probe; valid until the call for range i + 2.
  ParameterRange<T> at(std::size_t i) {
    const WeightRange& range = this->range(i);
    if (distribution_ == tensor::cuda::Distribution::none)
      return {&theta_.layout(), range, {theta_.data() + range.offset(theta_.layout()), 0}};
    return this->written(i, [this](auto... where) { write(where...); });
  }

  ///@{
  /// h = the tokens' and positions' embeddings at each probe, h = only the tokens', h += only the positions'.
  void embed(const CudaCall& call, tensor::MatrixView<T> h) const {
    embed_rows(theta_, call, distribution_, {true, true, {}, {}}, h);
  }
  void embed_tokens(const CudaCall& call, tensor::MatrixView<T> h) const {
    embed_rows(theta_, call, distribution_, {true, false, {}, {}}, h);
  }
  void add_positions(const CudaCall& call, tensor::MatrixView<T> h) const {
    embed_rows(theta_, call, distribution_, {false, true, {}, {}}, h);
  }
  ///@}

 private:
  using CudaStages<T>::theta_;

  void write(std::size_t i, cudaStream_t stream, T* out, std::size_t stride) const {
    const Layout& layout = theta_.layout();
    const WeightRange& range = this->range(i);
    tensor::cuda::Segments segments;
    std::uint64_t to = 0;
    for (std::size_t t = range.first; t < range.first + range.count; ++t) {
      const Tensor& tensor = layout.tensors()[t];
      const std::uint64_t skip = std::uint64_t{range.row} * tensor.cols;
      const std::uint64_t size = range.rows > 0 ? std::uint64_t{range.rows} * tensor.cols : tensor.size();
      segments.segment[segments.count++] = {static_cast<std::uint32_t>(t), skip, size, tensor.offset + skip,
                                            to};
      to += size;
    }
    tensor::cuda::write_probes<T>(stream, distribution_, call_->probe_arguments(),
                                  static_cast<std::uint32_t>(call_->probes()), segments, theta_.data(), out,
                                  stride);
  }

  tensor::cuda::Distribution distribution_;
  const CudaCall* call_ = nullptr;
};

}  // namespace zofo::model
