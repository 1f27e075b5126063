/// @file The backbone θ: every weight of the model in one fp32 arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/model/arena.hpp"
#include "zofo/model/layout.hpp"

namespace zofo::model {

/// The backbone's weights in one fp32 arena, ordered by Layout. Move-only; `clone` makes a copy.
class Parameters {
 public:
  using Scalar = float;          ///< type of a weight
  using Tensor = model::Tensor;  ///< description of a weight tensor

  /// Zero weights of the config's shape. Throws Error if the config is out of range.
  explicit Parameters(const Config& config) : layout_(config), values_(layout_.size()) {}

  Parameters(Parameters&&) noexcept = default;
  Parameters& operator=(Parameters&&) noexcept = default;
  Parameters& operator=(const Parameters&) = delete;
  ~Parameters() = default;

  /// A copy of every weight.
  [[nodiscard]] Parameters clone() const { return Parameters(*this); }

  /// Names, sizes and offsets of the tensors.
  [[nodiscard]] const Layout& layout() const { return layout_; }
  /// The model's sizes.
  [[nodiscard]] const Config& config() const { return layout_.config(); }
  /// The tensors in the order of the arena.
  [[nodiscard]] const std::vector<Tensor>& tensors() const { return layout_.tensors(); }
  ///@{
  /// All weights.
  [[nodiscard]] std::span<float> values() { return values_.values(); }
  [[nodiscard]] std::span<const float> values() const { return values_.values(); }
  ///@}
  ///@{
  /// The weights of tensor number `tensor`, row-major.
  [[nodiscard]] float* data(std::size_t tensor) { return values_.data() + tensors()[tensor].offset; }
  [[nodiscard]] const float* data(std::size_t tensor) const {
    return values_.data() + tensors()[tensor].offset;
  }
  ///@}

 private:
  Parameters(const Parameters&) = default;

  Layout layout_;
  Arena values_;
};

///@{
/// Calls f(stream, data, size) for every weight tensor (customisation point of core/vector_space.hpp).
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
///@}
///@{
/// Calls f(stream, data, rows, cols, row_stride, col_stride) for every weight tensor; norms are 1 x width.
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
///@}

}  // namespace zofo::model
