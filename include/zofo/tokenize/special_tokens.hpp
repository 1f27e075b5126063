/// @file Finds tokens that are written out in the text and never merged.
#pragma once

#include <algorithm>
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
  struct Found {
    std::size_t position, length;
    std::int32_t id;
  };

  /// Adds a literal; an empty one is ignored, since it would occur everywhere.
  void add(std::string text, std::int32_t id) {
    if (text.empty()) return;
    auto& bucket = by_first_byte_[static_cast<unsigned char>(text.front())];
    bucket.push_back({std::move(text), id});
    std::stable_sort(bucket.begin(), bucket.end(),
                     [](const Entry& a, const Entry& b) { return a.text.size() > b.text.size(); });
    empty_ = false;
  }

  /// The first occurrence at or after `start`, if any.
  std::optional<Found> find(std::string_view text, std::size_t start) const {
    if (empty_) return std::nullopt;
    for (std::size_t position = start; position < text.size(); ++position) {
      for (const Entry& entry : by_first_byte_[static_cast<unsigned char>(text[position])]) {
        if (text.substr(position).starts_with(entry.text))
          return Found{position, entry.text.size(), entry.id};
      }
    }
    return std::nullopt;
  }

 private:
  struct Entry {
    std::string text;
    std::int32_t id;
  };
  std::array<std::vector<Entry>, 256> by_first_byte_;
  bool empty_ = true;
};

}  // namespace zofo::tokenize
