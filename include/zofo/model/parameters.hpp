/// @file The backbone θ: every weight of the model in one fp32 arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/model/layout.hpp"

namespace zofo::model {

/// The backbone's weights in one fp32 arena laid out by Layout. Moves; `clone` copies and says so.
class Parameters {
 public:
  using Scalar = float;
  using Tensor = model::Tensor;

  /// Zero weights of the config's shape. Throws Error if the config is out of range.
  explicit Parameters(const Config& config) : layout_(config), values_(layout_.size()) {}

  Parameters(Parameters&&) noexcept = default;
  Parameters& operator=(Parameters&&) noexcept = default;
  Parameters& operator=(const Parameters&) = delete;
  ~Parameters() = default;

  /// A copy of every weight.
  [[nodiscard]] Parameters clone() const { return Parameters(*this); }

  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] const Config& config() const { return layout_.config(); }
  [[nodiscard]] const std::vector<Tensor>& tensors() const { return layout_.tensors(); }
  [[nodiscard]] std::span<float> values() { return values_; }
  [[nodiscard]] std::span<const float> values() const { return values_; }
  [[nodiscard]] float* data(std::size_t tensor) { return values_.data() + tensors()[tensor].offset; }
  [[nodiscard]] const float* data(std::size_t tensor) const {
    return values_.data() + tensors()[tensor].offset;
  }

 private:
  Parameters(const Parameters&) = default;

  Layout layout_;
  std::vector<float> values_;
};

/// Calls f(stream, data, size) for every weight (core/vector_space's customisation point).
template <class Function>
void for_each_tensor(Parameters& theta, Function&& f) {
  for (std::size_t i = 0; i < theta.tensors().size(); ++i)
    f(static_cast<std::uint32_t>(i), theta.data(i), static_cast<std::size_t>(theta.tensors()[i].size()));
}
template <class Function>
void for_each_tensor(const Parameters& theta, Function&& f) {
  for (std::size_t i = 0; i < theta.tensors().size(); ++i)
    f(static_cast<std::uint32_t>(i), theta.data(i), static_cast<std::size_t>(theta.tensors()[i].size()));
}
/// Calls f(stream, data, rows, cols, row_stride, col_stride) for every weight; norms are 1 x width.
template <class Function>
void for_each_matrix(Parameters& theta, Function&& f) {
  for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
    const Parameters::Tensor& t = theta.tensors()[i];
    f(static_cast<std::uint32_t>(i), theta.data(i), std::size_t{t.rows}, std::size_t{t.cols},
      std::size_t{t.cols}, std::size_t{1});
  }
}
template <class Function>
void for_each_matrix(const Parameters& theta, Function&& f) {
  for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
    const Parameters::Tensor& t = theta.tensors()[i];
    f(static_cast<std::uint32_t>(i), theta.data(i), std::size_t{t.rows}, std::size_t{t.cols},
      std::size_t{t.cols}, std::size_t{1});
  }
}

}  // namespace zofo::model
