/// @file Views of cached keys and values.
#pragma once

#include <cstddef>

namespace zofo::tensor {

/// Keys and values of one layer, not owned: [slots, kv_heads, positions, dim] each. A slot holds one
/// sequence.
template <class T>
struct CacheLayer {
  T* keys = nullptr;          ///< first key
  T* values = nullptr;        ///< first value
  std::size_t positions = 0;  ///< per slot
  std::size_t kv_heads = 0;   ///< key/value heads
  std::size_t dim = 0;        ///< entries of a head

  /// Index of the first entry of a position of a slot's head.
  [[nodiscard]] std::size_t at(std::size_t slot, std::size_t kv_head, std::size_t position) const {
    return ((slot * kv_heads + kv_head) * positions + position) * dim;
  }
};

/// All layers of a cache one after the other, a layer's keys before its values; not owned. Null data: there
/// is no cache.
template <class T>
struct CacheView {
  T* data = nullptr;  ///< first entry
  ///@{
  /// Sizes, as in CacheLayer.
  std::size_t slots = 0, positions = 0, kv_heads = 0, dim = 0;
  ///@}

  /// Whether there is a cache.
  [[nodiscard]] bool exists() const { return data != nullptr; }
  /// One layer.
  [[nodiscard]] CacheLayer<T> layer(std::size_t layer) const {
    const std::size_t size = slots * kv_heads * positions * dim;
    T* const keys = data + 2 * layer * size;
    return {keys, keys + size, positions, kv_heads, dim};
  }
};

}  // namespace zofo::tensor
