/// @file Remembers the tokens of words already merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/tokenize/merge_table.hpp"

namespace zofo::tokenize {

/// Word -> ids, bounded in words and word length. It belongs to one tokenizer; a copy of the tokenizer starts
/// empty.
class WordCache {
 public:
  WordCache() = default;
  WordCache(const WordCache&) {}
  WordCache& operator=(const WordCache&) { return *this; }

  /// The ids of `word` if remembered, else null; valid until the next put().
  const std::vector<std::int32_t>* get(std::string_view word) const {
    const auto found = words_.find(word);
    return found == words_.end() ? nullptr : &found->second;
  }

  /// Remembers `word`; a full cache is emptied first, which is rare and keeps this simple.
  void put(std::string_view word, const std::vector<std::int32_t>& ids) {
    if (word.size() > kLongest) return;
    if (words_.size() >= kWords) words_.clear();
    words_.emplace(word, ids);
  }

  /// Held by the one encode() that uses this cache; others then work with a cache of their own.
  std::mutex& mutex() { return mutex_; }

 private:
  static constexpr std::size_t kWords = 1u << 16;
  static constexpr std::size_t kLongest = 64;  // longer words hardly ever come twice

  StringMap<std::vector<std::int32_t>> words_;
  std::mutex mutex_;
};

}  // namespace zofo::tokenize
