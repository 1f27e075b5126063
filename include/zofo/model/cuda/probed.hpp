/// @file Weights at probes on the GPU: memory, the stages of a pass, and the first hidden states.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "zofo/model/cuda/call.hpp"
#include "zofo/model/cuda/parameters.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::model {

/// Memory of weights at probes, reused between passes.
template <class T>
struct ProbeScratch {
  tensor::cuda::Buffer<T> ring[2];      ///< a stage's weights at each probe, and the next stage's
  tensor::cuda::Buffer<T> vectors;      ///< vectors at each low-rank probe
  tensor::cuda::Buffer<float> factors;  ///< factors of each low-rank probe
  std::unique_ptr<CudaFactors> table;   ///< layout of `factors`
  std::uint64_t generation = 0;         ///< increases when a buffer is reallocated

  /// Enlarges a buffer to n entries if it is smaller.
  template <class Buffer>
  void grow(tensor::cuda::Context& context, Buffer& buffer, std::size_t n) {
    if (buffer.size() >= n) return;
    buffer = Buffer();
    buffer = Buffer(context, n);
    ++generation;
  }
};

/// The tables of the first hidden states, and their low-rank noise, if any.
struct CudaTables {
  bool tokens = true;                         ///< h = the tokens' embeddings; else h is added to
  bool positions = true;                      ///< add the positions' embeddings, if positions are learned
  tensor::cuda::LowRankTable token_noise;     ///< of the tokens' table
  tensor::cuda::LowRankTable position_noise;  ///< of the positions' table
};

/// h = the embeddings at each probe.
template <class T>
void embed_rows(const CudaParameters<T>& theta, const CudaCall& call, tensor::cuda::Distribution distribution,
                const CudaTables& tables, tensor::MatrixView<T> h) {
  const Layout& layout = theta.layout();
  const bool learned = tables.positions && layout.positions() != Layout::none;
  if (!tables.tokens && !learned) return;
  tensor::cuda::Embedding e;
  e.width = static_cast<std::uint32_t>(h.cols);
  e.table_stream = static_cast<std::uint32_t>(layout.embedding());
  e.table_noise = tables.token_noise;
  e.distribution = distribution;
  e.probes = call.probe_arguments();
  e.add = !tables.tokens;
  if (learned) {
    e.position_stream = static_cast<std::uint32_t>(layout.positions());
    e.position_offset = layout.config().position_offset;
    e.position_noise = tables.position_noise;
  }
  tensor::cuda::embed<T>(call.stream(), e, call.row_shape(), call.packed(),
                         tables.tokens ? theta.data(layout.embedding()) : nullptr,
                         learned ? theta.data(layout.positions()) : nullptr, h.data);
}

/// Ranges of θ in the order of the forward pass, and the memory for their perturbed copies. If stages are
/// small, the next stage's weights are written on the side stream, into the other of two buffers, while a
/// stage computes.
template <class T>
class CudaStages {
 public:
  ///@{
  /// The ranges that a pass reads, in its order.
  void set_ranges(std::vector<WeightRange> ranges) { ranges_ = std::move(ranges); }
  [[nodiscard]] std::size_t count() const { return ranges_.size(); }
  [[nodiscard]] const WeightRange& range(std::size_t i) const { return ranges_[i]; }
  ///@}

 protected:
  /// `overlap_below`: stages of fewer weights are written one stage ahead.
  CudaStages(const CudaParameters<T>& theta, ProbeScratch<T>& scratch, std::size_t overlap_below)
      : theta_(theta), scratch_(scratch), overlap_below_(overlap_below) {}

  /// Enlarges the buffers for the call's probes.
  void grow_ring(const CudaCall& call) {
    std::uint64_t largest = 0;
    for (const WeightRange& r : ranges_) largest = std::max(largest, r.size(theta_.layout()));
    stride_ = static_cast<std::size_t>((largest + 63) / 64 * 64);
    overlaps_ = largest < overlap_below_;
    for (std::size_t i = 0; i < (overlaps_ ? 2U : 1U); ++i)
      scratch_.grow(theta_.context(), scratch_.ring[i], stride_ * call.probes());
  }
  /// Range i at each probe, written by write(i, stream, out, elements between two probes); valid until the
  /// call for range i + 2.
  template <class Write>
  ParameterRange<T> written(std::size_t i, Write&& write) {
    tensor::cuda::Context& context = theta_.context();
    // Outside of a capture, products may be timed, which other work on the GPU would disturb.
    if (!overlaps_ || !context.capturing()) {
      write(i, context.stream(), buffer(i), stride_);
    } else {
      if (i == 0) write(0, context.stream(), buffer(0), stride_);
      if (i > 0) context.join();
      if (i + 1 < ranges_.size()) {
        context.fork();
        write(i + 1, context.side_stream(), buffer(i + 1), stride_);
      }
    }
    return {&theta_.layout(), ranges_[i], {buffer(i), stride_}};
  }

  const CudaParameters<T>& theta_;  ///< the unperturbed weights
  ProbeScratch<T>& scratch_;        ///< memory of perturbed copies

 private:
  [[nodiscard]] T* buffer(std::size_t i) const { return scratch_.ring[overlaps_ ? i % 2 : 0].data(); }

  std::size_t overlap_below_;
  bool overlaps_ = false;
  std::vector<WeightRange> ranges_;
  std::size_t stride_ = 0;
};

}  // namespace zofo::model
