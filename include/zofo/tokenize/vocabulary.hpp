/// @file Tokens and their ids, in any order and with gaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/tokenize/string_map.hpp"

namespace zofo::tokenize {

/// The limit of ids for a file with `entries` tokens: ids may have gaps, but the memory for them stays
/// proportional to the file.
inline std::size_t id_limit(std::size_t entries) { return 2 * entries + 1024; }

/// A two-way map between spellings and ids; every id has one spelling and every spelling one id.
class Vocabulary {
 public:
  /// Accepts ids below `limit`, which bounds the memory that the ids of a file can request.
  explicit Vocabulary(std::size_t limit) : limit_(limit) {}

  /// Adds a token. Throws Error naming the token: repeated, invalid UTF-8, an id that another token has or
  /// that is outside [0, limit).
  void add(const std::string& token, std::int64_t id);

  /// The id of a spelling, if it has one.
  std::optional<std::int32_t> id(std::string_view token) const {
    const std::int32_t* const found = ids_.find(token);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }

  /// The spelling of an id; null for a gap and outside of the range.
  const std::string* spelling(std::size_t id) const {
    return id < spellings_.size() && spellings_[id] ? &*spellings_[id] : nullptr;
  }

  /// One more than the largest id.
  std::size_t size() const { return spellings_.size(); }

  /// Every spelling with its id.
  const StringMap<std::int32_t>& ids() const { return ids_; }

 private:
  std::size_t limit_;
  StringMap<std::int32_t> ids_;
  std::vector<std::optional<std::string>> spellings_;
};

}  // namespace zofo::tokenize
