/// @file Views of matrices and weights.
#pragma once

#include <cstddef>

namespace zofo::tensor {

/// A matrix that it does not own: row i starts at data + i·stride.
template <class T>
struct MatrixView {
  T* data = nullptr;       ///< first entry
  std::size_t rows = 0;    ///< number of rows
  std::size_t cols = 0;    ///< number of columns
  std::size_t stride = 0;  ///< distance of two rows in entries

  /// `count` rows from row `first` on.
  [[nodiscard]] MatrixView rows_from(std::size_t first, std::size_t count) const {
    return {data + first * stride, count, cols, stride};
  }
  /// `count` columns from column `first` on.
  [[nodiscard]] MatrixView cols_from(std::size_t first, std::size_t count) const {
    return {data + first, rows, count, stride};
  }
  /// First entry of row i.
  [[nodiscard]] T* row(std::size_t i) const { return data + i * stride; }
  /// The same matrix, read-only.
  operator MatrixView<const T>() const {
    return {data, rows, cols, stride};
  }  // NOLINT(google-explicit-constructor)
};

/// A dense view: stride = cols.
template <class T>
MatrixView<T> view(T* data, std::size_t rows, std::size_t cols) {
  return {data, rows, cols, cols};
}

/// A weight at each probe; not owned. Null data: the model has no such weight.
template <class T>
struct PerProbe {
  const T* data = nullptr;  ///< the weight at probe 0
  std::size_t stride = 0;   ///< distance of two probes' weights in entries; 0: all probes share the weight
  /// The weight at a probe.
  [[nodiscard]] const T* at(std::size_t probe) const { return data + probe * stride; }
  /// Whether the model has the weight.
  [[nodiscard]] bool exists() const { return data != nullptr; }
};

}  // namespace zofo::tensor
