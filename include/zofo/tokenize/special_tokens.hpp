/// @file Finds tokens that are written out in a text and never merged.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::tokenize {

/// A set of literal tokens; finds the leftmost occurrence and of those the longest.
class SpecialTokens {
 public:
  /// An occurrence of a token: byte position and length in the text, and the token's id.
  struct Found {
    std::size_t position;  ///< in bytes
    std::size_t length;    ///< in bytes
    std::int32_t id;       ///< of the token
  };

  /// Adds a literal; an empty one is ignored, since it would occur everywhere.
  void add(std::string text, std::int32_t id);

  /// The first occurrence at or after byte `start`, if any.
  std::optional<Found> find(std::string_view text, std::size_t start) const;

 private:
  struct Entry {
    std::string text;
    std::int32_t id;
  };
  std::array<std::vector<Entry>, 256> by_first_byte_;
  bool empty_ = true;
};

}  // namespace zofo::tokenize
