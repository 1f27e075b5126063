/// @file Weights at probes on the CPU, written to scratch memory just before they are used.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/model/cpu_call.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model/probed.hpp"

namespace zofo::model {

/// Ranges of θ at the probes of one direction, in the order in which the forward pass reads them: θ's own
/// weights if there is no noise, else scratch memory, which the next range overwrites. Refers to its
/// arguments.
template <class Distribution>
class CpuProbed {
 public:
  /// Evaluates `group`, probes of one direction; an empty group means θ itself.
  CpuProbed(const Parameters& theta, Distribution distribution, std::span<const Probe> group,
            std::vector<float>& scratch)
      : theta_(theta), distribution_(std::move(distribution)), group_(group), scratch_(scratch) {}

  ///@{
  /// The ranges that a pass reads, in its order.
  void set_ranges(std::vector<WeightRange> ranges) { ranges_ = std::move(ranges); }
  [[nodiscard]] std::size_t count() const { return ranges_.size(); }
  [[nodiscard]] const WeightRange& range(std::size_t i) const { return ranges_[i]; }
  ///@}
  /// Starts a pass.
  void begin(CpuCall& /*call*/) const {}

  /// Range i at each probe; valid until the next call of `at`.
  ParameterRange<float> at(std::size_t i) {
    const Layout& layout = theta_.layout();
    const WeightRange& range = ranges_[i];
    const float* base = theta_.values().data() + range.offset(layout);
    if (at_theta()) return {&layout, range, {base, 0}};
    const auto size = static_cast<std::size_t>(range.size(layout));
    if (scratch_.size() < size * group_.size()) scratch_.resize(size * group_.size());
    std::vector<float*> out(group_.size());
    for (std::size_t j = 0; j < out.size(); ++j) out[j] = scratch_.data() + j * size;
    for (std::size_t t = range.first; t < range.first + range.count; ++t) {
      const Tensor& tensor = layout.tensors()[t];
      const std::size_t n =
          range.rows > 0 ? range.rows * tensor.cols : static_cast<std::size_t>(tensor.size());
      write_probed(distribution_, group_, static_cast<std::uint32_t>(t),
                   std::uint64_t{range.row} * tensor.cols, base, n, out);
      base += n;
      for (float*& o : out) o += n;
    }
    return {&layout, range, {scratch_.data(), size}};
  }

  /// h = the tokens' embeddings at each probe, plus those of their positions if positions are learned.
  void embed(const CpuCall& call, tensor::MatrixView<float> h) const {
    embed_tokens(call, h);
    add_positions(call, h);
  }
  /// h = the tokens' embeddings at each probe.
  void embed_tokens(const CpuCall& call, tensor::MatrixView<float> h) const {
    const auto ids = call.packing().row_tokens();
    std::fill_n(h.data, h.rows * h.cols, 0.0F);
    add_rows(call, theta_.layout().embedding(), h,
             [&](std::size_t token) { return static_cast<std::size_t>(ids[token]); });
  }
  /// h += the positions' embeddings at each probe, if positions are learned.
  void add_positions(const CpuCall& call, tensor::MatrixView<float> h) const {
    if (theta_.layout().positions() == Layout::none) return;
    const auto positions = call.packing().positions();
    const std::size_t before = theta_.config().position_offset;
    add_rows(call, theta_.layout().positions(), h,
             [&](std::size_t token) { return positions[token] + before; });
  }

 private:
  [[nodiscard]] bool at_theta() const { return group_.empty() || group_[0].scale == 0.0; }

  template <class RowOf>
  void add_rows(const CpuCall& call, std::size_t tensor, tensor::MatrixView<float> h,
                const RowOf& row_of) const {
    const std::size_t tokens = call.tokens();
#pragma omp parallel for schedule(static)
    for (std::size_t row = 0; row < h.rows; ++row) {
      std::vector<float> z(at_theta() ? 0 : h.cols);
      add_row(tensor, row_of(row % tokens), row / tokens, z, h.row(row));
    }
  }
  void add_row(std::size_t tensor, std::size_t row, std::size_t probe, std::vector<float>& z,
               float* out) const {
    const std::size_t width = theta_.tensors()[tensor].cols, offset = row * width;
    const float* x = theta_.data(tensor) + offset;
    if (at_theta()) {
      for (std::size_t i = 0; i < width; ++i) out[i] += x[i];
      return;
    }
    distribution_.fill(group_[probe].direction, static_cast<std::uint32_t>(tensor), offset, z.data(), width);
    const auto scale = static_cast<float>(group_[probe].scale);
    for (std::size_t i = 0; i < width; ++i) out[i] += x[i] + scale * z[i];
  }

  const Parameters& theta_;
  Distribution distribution_;
  std::span<const Probe> group_;
  std::vector<float>& scratch_;
  std::vector<WeightRange> ranges_;
};

}  // namespace zofo::model
