/// @file Matrices and weights that somebody else owns.
#pragma once

#include <cstddef>

namespace zofo::tensor {

/// A matrix somebody else owns: row i starts at data + i·stride.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;

  /// `count` rows from row `first` on.
  [[nodiscard]] MatrixView rows_from(std::size_t first, std::size_t count) const {
    return {data + first * stride, count, cols, stride};
  }
  /// `count` columns from column `first` on.
  [[nodiscard]] MatrixView cols_from(std::size_t first, std::size_t count) const {
    return {data + first, rows, count, stride};
  }
  [[nodiscard]] T* row(std::size_t i) const { return data + i * stride; }
  operator MatrixView<const T>() const {
    return {data, rows, cols, stride};
  }  // NOLINT(google-explicit-constructor)
};

/// A dense view: stride = cols.
template <class T>
MatrixView<T> view(T* data, std::size_t rows, std::size_t cols) {
  return {data, rows, cols, cols};
}

/// A weight of each probe: that of probe j starts at data + j·stride; stride 0 where all probes share it.
/// Null data: there is no such weight.
template <class T>
struct PerProbe {
  const T* data = nullptr;
  std::size_t stride = 0;
  [[nodiscard]] const T* at(std::size_t probe) const { return data + probe * stride; }
  [[nodiscard]] bool exists() const { return data != nullptr; }
};

}  // namespace zofo::tensor
