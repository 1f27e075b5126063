/// @file What weights at probes on the GPU have in common: their memory, the stages of a pass, and the first
/// hidden states.
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

/// Memory that probed weights keep between passes.
template <class T>
struct ProbeScratch {
  tensor::cuda::Buffer<T> ring[2];      ///< a stage's weights at each probe, and the next stage's
  tensor::cuda::Buffer<T> vectors;      ///< vectors at each low-rank probe
  tensor::cuda::Buffer<float> factors;  ///< factors of each low-rank probe
  std::unique_ptr<CudaFactors> table;
  std::uint64_t generation = 0;  ///< changes whenever one of them moved

  template <class Buffer>
  void grow(tensor::cuda::Context& context, Buffer& buffer, std::size_t n) {
    if (buffer.size() >= n) return;
    buffer = Buffer();
    buffer = Buffer(context, n);
    ++generation;
  }
};

/// The tables that make up the first hidden states, and their low-rank noise where there is any.
struct CudaTables {
  bool tokens = true;     ///< h = the tokens' rows, else they are added to h
  bool positions = true;  ///< and the positions' rows where they are learned
  tensor::cuda::LowRankTable token_noise, position_noise;
};

/// h = the rows of the tables at each probe.
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
    e.position_offset = Config::position_offset;
    e.position_noise = tables.position_noise;
  }
  tensor::cuda::embed<T>(call.stream(), e, call.row_shape(), call.packed(),
                         tables.tokens ? theta.data(layout.embedding()) : nullptr,
                         learned ? theta.data(layout.positions()) : nullptr, h.data);
}

/// Ranges of θ in the order of the forward pass, and the memory where probed copies of them are written.
/// While a stage computes, the next one's weights are written on the side stream into the other half of a
/// ring, where stages are small.
template <class T>
class CudaStages {
 public:
  void set_ranges(std::vector<WeightRange> ranges) { ranges_ = std::move(ranges); }
  [[nodiscard]] std::size_t count() const { return ranges_.size(); }
  [[nodiscard]] const WeightRange& range(std::size_t i) const { return ranges_[i]; }

 protected:
  /// `overlap_below`: stages of fewer weights are written ahead.
  CudaStages(const CudaParameters<T>& theta, ProbeScratch<T>& scratch, std::size_t overlap_below)
      : theta_(theta), scratch_(scratch), overlap_below_(overlap_below) {}

  void grow_ring(const CudaCall& call) {
    std::uint64_t largest = 0;
    for (const WeightRange& r : ranges_) largest = std::max(largest, r.size(theta_.layout()));
    stride_ = static_cast<std::size_t>((largest + 63) / 64 * 64);
    overlaps_ = largest < overlap_below_;
    for (std::size_t i = 0; i < (overlaps_ ? 2U : 1U); ++i)
      scratch_.grow(theta_.context(), scratch_.ring[i], stride_ * call.probes());
  }
  /// Range i at each probe, which write(i, stream, out, elements between two probes) writes; valid until the
  /// range after the next is asked for.
  template <class Write>
  ParameterRange<T> written(std::size_t i, Write&& write) {
    tensor::cuda::Context& context = theta_.context();
    if (!overlaps_ ||
        !context.capturing()) {  // a pass run at once may search products, which needs the GPU for itself
      write(i, context.stream(), half(i), stride_);
    } else {
      if (i == 0) write(0, context.stream(), half(0), stride_);
      if (i > 0) context.join();
      if (i + 1 < ranges_.size()) {
        context.fork();
        write(i + 1, context.side_stream(), half(i + 1), stride_);
      }
    }
    return {&theta_.layout(), ranges_[i], {half(i), stride_}};
  }

  const CudaParameters<T>& theta_;
  ProbeScratch<T>& scratch_;

 private:
  [[nodiscard]] T* half(std::size_t i) const { return scratch_.ring[overlaps_ ? i % 2 : 0].data(); }

  std::size_t overlap_below_;
  bool overlaps_ = false;
  std::vector<WeightRange> ranges_;
  std::size_t stride_ = 0;
};

}  // namespace zofo::model
