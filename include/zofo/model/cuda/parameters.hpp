/// @file The backbone θ in device memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "zofo/core/zo_gradient.hpp"
#include "zofo/model/layout.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/tensor/cuda/buffer.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/error.hpp"
#include "zofo/tensor/cuda/kernels/noise.hpp"
#include "zofo/tensor/cuda/kernels/vector.hpp"

namespace zofo::model {

/// Layout of the factors of a low-rank direction: U [rank, rows] and V [rank, cols] of each matrix, in one
/// vector per probe.
class CudaFactors {
 public:
  /// Factors of this rank for all matrices of a model.
  CudaFactors(tensor::cuda::Context& context, const Layout& layout, std::uint32_t rank) : rank_(rank) {
    piece_of_.assign(layout.tensors().size(), none);
    for (std::size_t i = 0; i < layout.tensors().size(); ++i) {
      const Tensor& t = layout.tensors()[i];
      if (t.rows <= 1 || t.cols <= 1) continue;
      piece_of_[i] = pieces_.size();
      pieces_.push_back(
          {static_cast<std::uint32_t>(i), t.rows, t.cols, stride_, stride_ + std::uint64_t{rank} * t.rows});
      stride_ += std::uint64_t{rank} * (t.rows + t.cols);
      largest_ = std::max(largest_, std::uint64_t{rank} * (t.rows + t.cols));
    }
    device_ = tensor::cuda::Buffer<tensor::cuda::FactorPiece>(context, pieces_.size());
    tensor::cuda::check(cudaMemcpyAsync(device_.data(), pieces_.data(), pieces_.size() * sizeof(pieces_[0]),
                                        cudaMemcpyHostToDevice, context.stream()),
                        "loading the table of factors");
  }
  /// Rank of the direction.
  [[nodiscard]] std::uint32_t rank() const { return rank_; }
  /// Floats per probe.
  [[nodiscard]] std::size_t stride() const { return stride_; }
  /// The factors of all matrices.
  [[nodiscard]] std::span<const tensor::cuda::FactorPiece> pieces() const { return pieces_; }
  /// The factors of a tensor; null for a vector.
  [[nodiscard]] const tensor::cuda::FactorPiece* piece(std::size_t tensor) const {
    return piece_of_[tensor] == none ? nullptr : &pieces_[piece_of_[tensor]];
  }
  /// Writes the factors of every probe to `out`, [probe, stride()]; hold: steps between updates of V.
  void write(cudaStream_t stream, const tensor::cuda::ProbeArgument* probes, std::uint32_t count,
             std::uint32_t hold, float* out) const {
    const tensor::cuda::FactorPieces pieces{.pieces = device_.data(),
                                            .count = static_cast<std::uint32_t>(pieces_.size()),
                                            .rank = rank_,
                                            .hold = hold,
                                            .largest = largest_};
    tensor::cuda::write_factors(stream, probes, count, pieces, out, stride_);
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  std::uint32_t rank_;
  std::uint64_t stride_ = 0, largest_ = 0;
  std::vector<tensor::cuda::FactorPiece> pieces_;
  std::vector<std::size_t> piece_of_;
  tensor::cuda::Buffer<tensor::cuda::FactorPiece> device_;
};

/// θ in one arena in device memory, laid out like Parameters; T is bf16 or float. apply_update generates
/// random directions on the GPU and reads and writes each weight once per step; bf16 is rounded
/// stochastically, so that updates far below a weight's resolution are applied in expectation. Refers to the
/// context.
template <class T>
class CudaParameters {
 public:
  using Scalar = T;  ///< type of a weight

  /// Uninitialised weights. Throws Error if the config is out of range or memory is short.
  CudaParameters(tensor::cuda::Context& context, const Config& config)
      : context_(&context), layout_(config), values_(context, layout_.size()) {}
  /// Weights rounded to T. Throws Error as above.
  CudaParameters(tensor::cuda::Context& context, const Parameters& theta)
      : CudaParameters(context, theta.config()) {
    upload(theta);
  }

  ///@{
  /// The GPU, the layout, the model's sizes, the tensors, and the number of weights.
  [[nodiscard]] tensor::cuda::Context& context() const { return *context_; }
  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] const Config& config() const { return layout_.config(); }
  [[nodiscard]] const std::vector<Tensor>& tensors() const { return layout_.tensors(); }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(layout_.size()); }
  ///@}
  ///@{
  /// All weights, or those of tensor number `tensor`, in device memory.
  [[nodiscard]] T* data() { return values_.data(); }
  [[nodiscard]] const T* data() const { return values_.data(); }
  [[nodiscard]] const T* data(std::size_t tensor) const { return values_.data() + tensors()[tensor].offset; }
  ///@}

  /// A copy on the GPU. Throws Error if memory is short.
  [[nodiscard]] CudaParameters clone() const {
    CudaParameters copy(*context_, config());
    using tensor::cuda::check;
    check(cudaMemcpyAsync(copy.data(), data(), layout_.size() * sizeof(T), cudaMemcpyDeviceToDevice,
                          context_->stream()),
          "copying the weights");
    return copy;
  }
  /// Sets the weights, rounded to T. Throws Error if the shapes differ or one is not finite in T.
  void upload(const Parameters& theta) {
    require(theta.config() == config(), "theta on the GPU: the weights belong to a model of another shape");
    pieces([&](std::size_t first, std::size_t n, float* staging) {
      using tensor::cuda::check;
      const float* from = theta.values().data() + first;
      float* const to = std::is_same_v<T, float> ? reinterpret_cast<float*>(data() + first) : staging;
      check(cudaMemcpyAsync(to, from, n * sizeof(float), cudaMemcpyHostToDevice, context_->stream()),
            "loading the weights");
      if constexpr (!std::is_same_v<T, float>)
        tensor::cuda::narrow(context_->stream(), n, staging, data() + first);
      context_->synchronise();
    });
    check_finite();
  }
  /// A copy of the weights in fp32 in host memory.
  [[nodiscard]] Parameters download() const {
    Parameters theta(config());
    pieces([&](std::size_t first, std::size_t n, float* staging) {
      using tensor::cuda::check;
      const float* from = staging;
      if constexpr (std::is_same_v<T, float>)
        from = data() + first;
      else
        tensor::cuda::widen(context_->stream(), n, data() + first, staging);
      check(cudaMemcpyAsync(theta.values().data() + first, from, n * sizeof(float), cudaMemcpyDeviceToHost,
                            context_->stream()),
            "reading the weights");
      context_->synchronise();
    });
    return theta;
  }
  /// Calls f(terms in device memory, count) with the terms of an update, in groups of limited size.
  template <class F>
  void for_terms(std::span<const ZoTerm> terms, F&& f) {
    if (terms_.size() == 0) terms_ = tensor::cuda::Buffer<tensor::cuda::UpdateTerm>(*context_, most_terms);
    std::array<tensor::cuda::UpdateTerm, most_terms> list;
    for (std::size_t first = 0; first < terms.size(); first += most_terms) {
      const std::size_t n = std::min(most_terms, terms.size() - first);
      for (std::size_t i = 0; i < n; ++i) {
        const ZoTerm& t = terms[first + i];
        list[i] = {t.direction.seed, t.direction.step, t.direction.query, static_cast<float>(t.coefficient),
                   0};
      }
      // The list is in pageable memory: the call returns after it has been read.
      tensor::cuda::check(cudaMemcpyAsync(terms_.data(), list.data(), n * sizeof(list[0]),
                                          cudaMemcpyHostToDevice, context_->stream()),
                          "uploading an update");
      f(static_cast<const tensor::cuda::UpdateTerm*>(terms_.data()), static_cast<std::uint32_t>(n));
    }
  }
  /// Memory for the factors of low-rank directions; grows and is reused.
  [[nodiscard]] tensor::cuda::Buffer<float>& factors(std::size_t floats) {
    if (factors_.size() < floats) factors_ = tensor::cuda::Buffer<float>(*context_, floats);
    return factors_;
  }
  /// The layout of the factors of low-rank directions of this rank.
  [[nodiscard]] const CudaFactors& pieces_of(std::uint32_t rank) {
    if (!pieces_ || pieces_->rank() != rank) pieces_.emplace(*context_, layout_, rank);
    return *pieces_;
  }

  /// Random weights for measurements: normals of `seed` times `scale`; gains are 1.
  void fill_random(std::uint64_t seed, float scale);

 private:
  static constexpr std::size_t most_terms = 64;

  // A weight that is not finite would make all later results meaningless.
  void check_finite() const {
    tensor::cuda::Buffer<std::uint32_t> found(*context_, 1);
    for (const Tensor& t : tensors()) {
      tensor::cuda::check(cudaMemsetAsync(found.data(), 0, sizeof(std::uint32_t), context_->stream()),
                          "clearing");
      tensor::cuda::find_not_finite(context_->stream(), static_cast<std::size_t>(t.size()), data() + t.offset,
                                    found.data());
      require(found.download(*context_)[0] == 0, "tensor '{}': a weight is not finite as {}", t.name,
              std::is_same_v<T, float> ? "fp32" : "bf16");
    }
  }
  template <class Use>
  void pieces(Use&& use) const {
    constexpr std::size_t most = std::size_t{1} << 24U;
    const auto size = static_cast<std::size_t>(layout_.size());
    tensor::cuda::Buffer<float> staging(*context_, std::is_same_v<T, float> ? 1 : std::min(most, size));
    for (std::size_t first = 0; first < size; first += most)
      use(first, std::min(most, size - first), staging.data());
  }

  tensor::cuda::Context* context_;
  Layout layout_;
  tensor::cuda::Buffer<T> values_;
  tensor::cuda::Buffer<tensor::cuda::UpdateTerm> terms_;
  tensor::cuda::Buffer<float> factors_;
  std::optional<CudaFactors> pieces_;
};

template <class T>
void CudaParameters<T>::fill_random(std::uint64_t seed, float scale) {
  using tensor::cuda::check;
  check(cudaMemsetAsync(data(), 0, layout_.size() * sizeof(T), context_->stream()), "clearing the weights");
  const std::array<ZoTerm, 1> term{ZoTerm{Direction{seed, 0, 0}, static_cast<double>(scale)}};
  apply_update(*this, Gaussian{}, term);
  std::vector<T> ones;
  for (const Tensor& t : tensors()) {
    if (!t.name.ends_with("norm")) continue;
    ones.assign(static_cast<std::size_t>(t.size()), T(1.0F));
    check(cudaMemcpyAsync(data() + t.offset, ones.data(), ones.size() * sizeof(T), cudaMemcpyHostToDevice,
                          context_->stream()),
          "setting gains");
  }
  context_->synchronise();
}

namespace detail {

/// Calls f(segments) with all tensors for which `wanted` is true, as many at a time as a kernel call can
/// hold.
template <class Wanted, class F>
void for_segments(const Layout& layout, Wanted&& wanted, F&& f) {
  tensor::cuda::Segments segments;
  for (std::size_t i = 0; i < layout.tensors().size(); ++i) {
    const Tensor& t = layout.tensors()[i];
    if (!wanted(t)) continue;
    segments.segment[segments.count++] = {static_cast<std::uint32_t>(i), 0, t.size(), t.offset, 0};
    if (segments.count == tensor::cuda::Segments::most) {
      f(segments);
      segments.count = 0;
    }
  }
  if (segments.count > 0) f(segments);
}

template <class T>
void move_dense(CudaParameters<T>& theta, tensor::cuda::Distribution distribution,
                std::span<const ZoTerm> terms) {
  theta.for_terms(terms, [&](const tensor::cuda::UpdateTerm* list, std::uint32_t count) {
    for_segments(
        theta.layout(), [](const Tensor&) { return true; },
        [&](const tensor::cuda::Segments& segments) {
          tensor::cuda::update(theta.context().stream(), distribution, list, count, segments, theta.data());
        });
  });
}

}  // namespace detail

///@{
/// θ += Σ coefficient·z(direction), fused with generation, for the distributions that the GPU generates
/// (customisation point of perturb/perturbation.hpp).
template <class T>
void apply_update(CudaParameters<T>& theta, const Gaussian& /*distribution*/, std::span<const ZoTerm> terms) {
  detail::move_dense(theta, tensor::cuda::Distribution::gaussian, terms);
}
template <class T>
void apply_update(CudaParameters<T>& theta, const Rademacher& /*distribution*/,
                  std::span<const ZoTerm> terms) {
  detail::move_dense(theta, tensor::cuda::Distribution::rademacher, terms);
}
template <class T>
void apply_update(CudaParameters<T>& theta, const LowRank& distribution, std::span<const ZoTerm> terms) {
  distribution.check();
  const CudaFactors& table = theta.pieces_of(distribution.rank);
  const cudaStream_t stream = theta.context().stream();
  theta.for_terms(terms, [&](const tensor::cuda::UpdateTerm* list, std::uint32_t count) {
    float* const factors = theta.factors(table.stride() * count).data();
    table.write(stream, list, count, distribution.hold, factors);
    tensor::cuda::LowRankSegments matrices;
    const auto flush = [&] {
      tensor::cuda::update_low_rank(stream, list, count, matrices,
                                    {factors, table.stride(), distribution.rank}, theta.data());
      matrices.count = 0;
    };
    for (const tensor::cuda::FactorPiece& piece : table.pieces()) {
      matrices.segment[matrices.count++] = {piece, 0, piece.rows, theta.tensors()[piece.tensor].offset, 0};
      if (matrices.count == tensor::cuda::LowRankSegments::most) flush();
    }
    flush();
    detail::for_segments(
        theta.layout(), [](const Tensor& t) { return t.rows <= 1 || t.cols <= 1; },
        [&](const tensor::cuda::Segments& segments) {
          tensor::cuda::update(stream, tensor::cuda::Distribution::gaussian, list, count, segments,
                               theta.data());
        });
  });
}
///@}

}  // namespace zofo::model
