/// @file Weights at probes on the card: dense noise written a stage ahead of its use, low-rank noise kept as
/// factors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/model/cuda/call.hpp"
#include "zofo/model/cuda/parameters.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/probed.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/perturb/rademacher.hpp"
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
void embed_rows(const CudaParameters<T>& theta, const CudaCall& call, tensor::cuda::Law law,
                const CudaTables& tables, tensor::MatrixView<T> h) {
  const Layout& layout = theta.layout();
  const bool learned = tables.positions && layout.positions() != Layout::none;
  if (!tables.tokens && !learned) return;
  tensor::cuda::Embedding e;
  e.width = static_cast<std::uint32_t>(h.cols);
  e.table_stream = static_cast<std::uint32_t>(layout.embedding());
  e.table_noise = tables.token_noise;
  e.add = !tables.tokens;
  if (learned) {
    e.position_stream = static_cast<std::uint32_t>(layout.positions());
    e.position_offset = Config::position_offset;
    e.position_noise = tables.position_noise;
  }
  tensor::cuda::embed<T>(call.stream(), e, call.row_shape(), call.packed(), law, call.probe_arguments(),
                         tables.tokens ? theta.data(layout.embedding()) : nullptr,
                         learned ? theta.data(layout.positions()) : nullptr, h.data);
}

/// Ranges of θ in the order of the forward pass, at one point or at the probes of one dense direction. While
/// a stage computes, the next one's weights are written on the side stream into the other half of a ring.
template <class T>
class CudaDense {
 public:
  /// `overlap_below`: stages of fewer weights are written ahead.
  CudaDense(const CudaParameters<T>& theta, tensor::cuda::Law law, ProbeScratch<T>& scratch,
            std::size_t overlap_below)
      : theta_(theta), law_(law), scratch_(scratch), overlap_below_(overlap_below) {}

  void set_ranges(std::vector<WeightRange> ranges) { ranges_ = std::move(ranges); }
  [[nodiscard]] std::size_t count() const { return ranges_.size(); }
  [[nodiscard]] const WeightRange& range(std::size_t i) const { return ranges_[i]; }
  /// What tells recorded passes apart.
  [[nodiscard]] std::uint64_t key() const { return static_cast<std::uint64_t>(law_); }
  [[nodiscard]] static constexpr std::uint32_t rank() { return 0; }

  /// Grows the ring; called outside of a recording.
  void prepare(const CudaCall& call) {
    if (law_ == tensor::cuda::Law::none) return;
    std::uint64_t largest = 0;
    for (const WeightRange& r : ranges_) largest = std::max(largest, r.size(theta_.layout()));
    stride_ = static_cast<std::size_t>((largest + 63) / 64 * 64);
    overlaps_ = largest < overlap_below_;
    for (std::size_t i = 0; i < (overlaps_ ? 2U : 1U); ++i)
      scratch_.grow(theta_.context(), scratch_.ring[i], stride_ * call.probes());
  }
  void begin(const CudaCall& call) { call_ = &call; }
  /// Range i at each probe; valid until the range after the next is asked for.
  PlacedRange<T> at(std::size_t i) {
    const WeightRange& range = ranges_[i];
    const Layout& layout = theta_.layout();
    if (law_ == tensor::cuda::Law::none) return {&layout, range, {theta_.data() + range.offset(layout), 0}};
    tensor::cuda::Context& context = theta_.context();
    if (!overlaps_ ||
        !context.capturing()) {  // a pass run at once may search products, which needs the card for itself
      write(i, context.stream());
    } else {
      if (i == 0) write(0, context.stream());
      if (i > 0) context.join();
      if (i + 1 < ranges_.size()) {
        context.fork();
        write(i + 1, context.side_stream());
      }
    }
    return {&layout, range, {half(i), stride_}};
  }

  void embed(const CudaCall& call, tensor::MatrixView<T> h) const {
    embed_rows(theta_, call, law_, {true, true, {}, {}}, h);
  }
  void embed_tokens(const CudaCall& call, tensor::MatrixView<T> h) const {
    embed_rows(theta_, call, law_, {true, false, {}, {}}, h);
  }
  void add_positions(const CudaCall& call, tensor::MatrixView<T> h) const {
    embed_rows(theta_, call, law_, {false, true, {}, {}}, h);
  }

 private:
  void write(std::size_t i, cudaStream_t stream) const {
    const Layout& layout = theta_.layout();
    const WeightRange& range = ranges_[i];
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
    tensor::cuda::write_probes<T>(stream, law_, call_->probe_arguments(),
                                  static_cast<std::uint32_t>(call_->probes()), segments, theta_.data(),
                                  half(i), stride_);
  }

  [[nodiscard]] T* half(std::size_t i) const { return scratch_.ring[overlaps_ ? i % 2 : 0].data(); }

  const CudaParameters<T>& theta_;
  tensor::cuda::Law law_;
  ProbeScratch<T>& scratch_;
  std::size_t overlap_below_;
  bool overlaps_ = false;
  std::vector<WeightRange> ranges_;
  std::size_t stride_ = 0;
  const CudaCall* call_ = nullptr;
};

/// θ at any number of low-rank probes at once: matrices stay θ's own and the backend adds factors' products
/// to what layers give; vectors are written at each probe before the pass.
template <class T>
class CudaLowRank {
 public:
  CudaLowRank(const CudaParameters<T>& theta, const LowRank& law, ProbeScratch<T>& scratch)
      : theta_(theta), law_(law), scratch_(scratch) {
    law.check();
  }

  void set_ranges(std::vector<WeightRange> ranges) { ranges_ = std::move(ranges); }
  [[nodiscard]] std::size_t count() const { return ranges_.size(); }
  [[nodiscard]] const WeightRange& range(std::size_t i) const { return ranges_[i]; }
  [[nodiscard]] std::uint64_t key() const {
    return std::uint64_t{1} << 63U | std::uint64_t{law_.hold} << 16U | law_.rank;
  }
  [[nodiscard]] std::uint32_t rank() const { return law_.rank; }

  /// Grows the memory for factors and vectors; called outside of a recording.
  void prepare(const CudaCall& call) {
    if (!scratch_.table || scratch_.table->rank() != law_.rank) {
      scratch_.table = std::make_unique<CudaFactors>(theta_.context(), theta_.layout(), law_.rank);
      ++scratch_.generation;
    }
    place_vectors();
    scratch_.grow(theta_.context(), scratch_.factors, scratch_.table->stride() * call.probes());
    scratch_.grow(theta_.context(), scratch_.vectors, vectors_stride_ * call.probes());
  }
  void begin(const CudaCall& call) {
    const auto probes = static_cast<std::uint32_t>(call.probes());
    scratch_.table->write(call.stream(), call.probe_arguments(), probes, law_.hold, scratch_.factors.data());
    tensor::cuda::Segments segments;
    const auto flush = [&] {
      tensor::cuda::write_own_probes<T>(call.stream(), tensor::cuda::Law::gaussian, call.probe_arguments(),
                                        probes, segments, theta_.data(), scratch_.vectors.data(),
                                        vectors_stride_);
      segments.count = 0;
    };
    for (std::size_t i = 0; i < vector_at_.size(); ++i) {
      if (vector_at_[i] == no_vector) continue;
      const Tensor& t = theta_.tensors()[i];
      segments.segment[segments.count++] = {static_cast<std::uint32_t>(i), 0, t.size(), t.offset,
                                            vector_at_[i]};
      if (segments.count == tensor::cuda::Segments::most) flush();
    }
    if (segments.count > 0) flush();
  }

  /// Gives each tensor's weights: a vector's at each probe, a matrix's own.
  struct Place {
    const CudaLowRank* self;
    WeightRange range;
    tensor::PerProbe<T> operator()(std::size_t tensor) const {
      if (tensor < range.first || tensor >= range.first + range.count) return {};
      const std::size_t vector = self->vector_at_[tensor];
      if (vector != no_vector) return {self->scratch_.vectors.data() + vector, self->vectors_stride_};
      const Tensor& t = self->theta_.tensors()[tensor];
      return {self->theta_.data(tensor) + (range.rows > 0 ? range.row * t.cols : 0), 0};
    }
  };
  [[nodiscard]] Place at(std::size_t i) const { return {this, ranges_[i]}; }

  void embed(const CudaCall& call, tensor::MatrixView<T> h) const { embed_tables(call, true, true, h); }
  void embed_tokens(const CudaCall& call, tensor::MatrixView<T> h) const {
    embed_tables(call, true, false, h);
  }
  void add_positions(const CudaCall& call, tensor::MatrixView<T> h) const {
    embed_tables(call, false, true, h);
  }

 private:
  static constexpr std::size_t no_vector = static_cast<std::size_t>(-1);

  // Each vector starts on 16 bytes.
  void place_vectors() {
    vector_at_.assign(theta_.tensors().size(), no_vector);
    vectors_stride_ = 0;
    for (std::size_t i = 0; i < vector_at_.size(); ++i) {
      const Tensor& t = theta_.tensors()[i];
      if (scratch_.table->piece(i) != nullptr) continue;
      vector_at_[i] = vectors_stride_;
      vectors_stride_ += static_cast<std::size_t>((t.size() + 7) / 8 * 8);
    }
  }
  void embed_tables(const CudaCall& call, bool tokens, bool positions, tensor::MatrixView<T> h) const {
    const Layout& layout = theta_.layout();
    CudaTables tables{tokens, positions, noise_of(layout.embedding()), {}};
    if (layout.positions() != Layout::none) tables.position_noise = noise_of(layout.positions());
    embed_rows(theta_, call, tensor::cuda::Law::none, tables, h);
  }
  [[nodiscard]] tensor::cuda::LowRankTable noise_of(std::size_t tensor) const {
    const tensor::cuda::FactorPiece& piece = *scratch_.table->piece(tensor);
    const float* const base = scratch_.factors.data();
    return {base + piece.u_at, base + piece.v_at, scratch_.table->stride(), law_.rank, piece.rows};
  }

  const CudaParameters<T>& theta_;
  LowRank law_;
  ProbeScratch<T>& scratch_;
  std::vector<WeightRange> ranges_;
  std::vector<std::size_t> vector_at_;
  std::size_t vectors_stride_ = 0;
};

}  // namespace zofo::model
