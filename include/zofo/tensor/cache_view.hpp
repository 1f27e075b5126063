/// @file Keys and values of earlier positions that somebody else owns.
#pragma once

#include <cstddef>

namespace zofo::tensor {

/// Keys and values of one layer: [slots, kv_heads, positions, dim] each. A slot belongs to a sequence.
template <class T>
struct CacheLayer {
  T* keys = nullptr;
  T* values = nullptr;
  std::size_t positions = 0;  ///< that a slot has room for
  std::size_t kv_heads = 0;
  std::size_t dim = 0;  ///< entries of a head

  /// Where a position of a slot's head starts.
  [[nodiscard]] std::size_t at(std::size_t slot, std::size_t kv_head, std::size_t position) const {
    return ((slot * kv_heads + kv_head) * positions + position) * dim;
  }
};

/// All layers of a cache, one after the other, a layer's keys before its values. Null data: there is none.
template <class T>
struct CacheView {
  T* data = nullptr;
  std::size_t slots = 0, positions = 0, kv_heads = 0, dim = 0;

  [[nodiscard]] bool exists() const { return data != nullptr; }
  [[nodiscard]] CacheLayer<T> layer(std::size_t layer) const {
    const std::size_t half = slots * kv_heads * positions * dim;
    T* const keys = data + 2 * layer * half;
    return {keys, keys + half, positions, kv_heads, dim};
  }
};

}  // namespace zofo::tensor
