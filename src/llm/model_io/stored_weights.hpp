/// @file The weights of a shape as files store them: some files hold several in one matrix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/model/layout.hpp"

namespace zofo::llm::detail {

/// A tensor of a file: one weight, or neighbouring ones below each other.
struct StoredWeight {
  std::string name;          ///< in the file
  std::size_t first = 0;     ///< first weight, an index of Layout::tensors()
  std::size_t count = 0;     ///< weights
  std::uint32_t rows = 0;    ///< of all
  std::uint32_t cols = 0;    ///< of each
  bool vector = false;       ///< a gain or a bias, which has one dimension
  std::uint64_t offset = 0;  ///< of the first entry in the arena
  /// Entries.
  [[nodiscard]] std::uint64_t size() const { return std::uint64_t{rows} * cols; }
};

/// The tensors of a file in the order of the arena; name_of(weight) is a weight's name in the file, and
/// neighbours of one name are one tensor.
std::vector<StoredWeight> stored_weights(const model::Layout& layout,
                                         const std::function<std::string(std::string_view)>& name_of);

}  // namespace zofo::llm::detail
