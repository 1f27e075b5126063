/// @file Weights at low-rank probes on the GPU: factors next to the matrices, or perturbed matrices.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/model/cuda/probed.hpp"
#include "zofo/perturb/low_rank.hpp"

namespace zofo::model {

/// θ at any number of low-rank probes. The backend multiplies by θ's own matrices and adds the products of
/// the factors. If all probes share one direction and a pass has many rows, it is cheaper to write the
/// perturbed matrices of each probe, one stage ahead of their use. Vectors are written at each probe before
/// the pass.
template <class T>
class CudaLowRank : public CudaStages<T> {
 public:
  /// Throws Error if the distribution is out of range.
  CudaLowRank(const CudaParameters<T>& theta, const LowRank& distribution, std::span<const Probe> group,
              ProbeScratch<T>& scratch, std::size_t overlap_below)
      : CudaStages<T>(theta, scratch, overlap_below),
        distribution_(distribution),
        one_direction_(share_direction(group)) {
    distribution.check();
  }

  /// Whether perturbed matrices are written in a pass of `rows` rows, at `probes` probes of one direction. A
  /// layer has about 12 width² weights, each read once and written once per probe; the alternative is several
  /// passes over the layer's activations. The factor was measured on an H100 at widths 2048 and 4096.
  [[nodiscard]] static bool writes(std::size_t rows, std::size_t probes, std::size_t width) {
    return 5 * rows > 2 * (1 + probes) * width;
  }

  /// Part of the key of a recorded pass.
  [[nodiscard]] std::uint64_t key() const {
    return std::uint64_t{1} << 63U | std::uint64_t{written_ ? 1U : 0U} << 62U |
           std::uint64_t{distribution_.hold} << 16U | distribution_.rank;
  }
  /// Rank of the products that the backend adds.
  [[nodiscard]] std::uint32_t rank() const { return written_ ? 0 : distribution_.rank; }

  /// Allocates memory for factors, vectors and perturbed matrices; called outside of a recording.
  void prepare(const CudaCall& call) {
    if (!scratch_.table || scratch_.table->rank() != distribution_.rank) {
      scratch_.table = std::make_unique<CudaFactors>(theta_.context(), theta_.layout(), distribution_.rank);
      ++scratch_.generation;
    }
    place_vectors();
    scratch_.grow(theta_.context(), scratch_.factors, scratch_.table->stride() * call.probes());
    scratch_.grow(theta_.context(), scratch_.vectors, vectors_stride_ * call.probes());
    written_ = one_direction_ && writes(call.rows(), call.probes(), theta_.config().width);
    if (written_) this->grow_ring(call);
  }
  /// Starts a pass: writes the factors and the vectors.
  void begin(const CudaCall& call) {
    call_ = &call;
    const auto probes = static_cast<std::uint32_t>(call.probes());
    scratch_.table->write(call.stream(), call.probe_arguments(), probes, distribution_.hold,
                          scratch_.factors.data());
    tensor::cuda::Segments segments;
    const auto flush = [&] {
      tensor::cuda::write_own_probes<T>(call.stream(), tensor::cuda::Distribution::gaussian,
                                        call.probe_arguments(), probes, segments, theta_.data(),
                                        scratch_.vectors.data(), vectors_stride_);
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

  /// The weights of a range, found by tensor: vectors at each probe, θ's own or perturbed matrices.
  struct Weights {
    const CudaLowRank* self;     ///< the owner
    ParameterRange<T> matrices;  ///< the range's matrices
    /// The weights of a tensor; null outside the range.
    tensor::PerProbe<T> operator()(std::size_t tensor) const {
      const WeightRange& range = matrices.range;
      if (tensor < range.first || tensor >= range.first + range.count) return {};
      const std::size_t vector = self->vector_at_[tensor];
      if (vector != no_vector) return {self->scratch_.vectors.data() + vector, self->vectors_stride_};
      return matrices(tensor);
    }
  };
  /// Range i at each probe; valid until the call for range i + 2.
  [[nodiscard]] Weights at(std::size_t i) {
    if (written_) return {this, this->written(i, [this](auto... where) { write(where...); })};
    const WeightRange& range = this->range(i);
    return {this, {&theta_.layout(), range, {theta_.data() + range.offset(theta_.layout()), 0}}};
  }

  ///@{
  /// h = the tokens' and positions' embeddings at each probe, h = only the tokens', h += only the positions'.
  void embed(const CudaCall& call, tensor::MatrixView<T> h) const { embed_tables(call, true, true, h); }
  void embed_tokens(const CudaCall& call, tensor::MatrixView<T> h) const {
    embed_tables(call, true, false, h);
  }
  void add_positions(const CudaCall& call, tensor::MatrixView<T> h) const {
    embed_tables(call, false, true, h);
  }
  ///@}

 private:
  using CudaStages<T>::scratch_;
  using CudaStages<T>::theta_;
  static constexpr std::size_t no_vector = static_cast<std::size_t>(-1);

  static bool share_direction(std::span<const Probe> group) {
    return std::ranges::all_of(group, [&](const Probe& p) { return p.direction == group[0].direction; });
  }
  void write(std::size_t i, cudaStream_t stream, T* out, std::size_t stride) const {
    const Layout& layout = theta_.layout();
    const WeightRange& range = this->range(i);
    tensor::cuda::LowRankSegments segments;
    for (std::size_t t = range.first; t < range.first + range.count; ++t) {
      if (vector_at_[t] != no_vector) continue;
      const Tensor& tensor = layout.tensors()[t];
      const auto row = static_cast<std::uint32_t>(range.row);
      const auto rows = range.rows > 0 ? static_cast<std::uint32_t>(range.rows) : tensor.rows;
      const std::uint64_t from = tensor.offset + std::uint64_t{row} * tensor.cols;
      segments.segment[segments.count++] = {*scratch_.table->piece(t), row, rows, from,
                                            from - range.offset(layout)};
    }
    const tensor::cuda::LowRankFactors factors{.data = scratch_.factors.data(), .rank = distribution_.rank};
    tensor::cuda::write_low_rank_probes<T>(stream, call_->probe_arguments(),
                                           static_cast<std::uint32_t>(call_->probes()), segments, factors,
                                           theta_.data(), out, stride);
  }
  // Each vector is aligned to 16 bytes.
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
    embed_rows(theta_, call, tensor::cuda::Distribution::none, tables, h);
  }
  [[nodiscard]] tensor::cuda::LowRankTable noise_of(std::size_t tensor) const {
    const tensor::cuda::FactorPiece& piece = *scratch_.table->piece(tensor);
    const float* const base = scratch_.factors.data();
    return {base + piece.u_at, base + piece.v_at, scratch_.table->stride(), distribution_.rank, piece.rows};
  }

  LowRank distribution_;
  bool one_direction_;
  bool written_ = false;
  std::vector<std::size_t> vector_at_;
  std::size_t vectors_stride_ = 0;
  const CudaCall* call_ = nullptr;
};

}  // namespace zofo::model
