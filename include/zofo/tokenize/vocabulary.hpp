/// @file Tokens and their ids, in any order and with gaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/merge_table.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

/// Ids may leave gaps, but not ask for more memory than the entries do that the file has.
inline std::size_t id_limit(std::size_t entries) { return 2 * entries + 1024; }

/// A two-way map between spellings and ids; every id has one spelling and every spelling one id.
class Vocabulary {
 public:
  /// Module for ids below `limit`, which bounds the memory that a file's ids can ask for.
  explicit Vocabulary(std::size_t limit) : limit_(limit) {}

  /// Throws Error naming the token: repeated, not UTF-8, an id that is taken or beyond the limit.
  void add(const std::string& token, std::int64_t id) {
    utf8::require_valid(token, "token");
    require(id >= 0 && static_cast<std::size_t>(id) < limit_, "token '{}': id {}: must be in [0, {})", token,
            id, limit_);
    const auto index = static_cast<std::size_t>(id);
    if (index >= spellings_.size()) spellings_.resize(index + 1);
    require(!spellings_[index], "token '{}': id {}: is already that of '{}'", token, id,
            spellings_[index].value_or(""));
    require(ids_.emplace(token, static_cast<std::int32_t>(id)).second, "token '{}': id {}: it has another id",
            token, id);
    spellings_[index] = token;
  }

  /// The id of a spelling, if it has one.
  std::optional<std::int32_t> id(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }

  /// The spelling of an id, null for a gap and outside of the range.
  const std::string* spelling(std::size_t id) const {
    return id < spellings_.size() && spellings_[id] ? &*spellings_[id] : nullptr;
  }

  /// One more than the largest id.
  std::size_t size() const { return spellings_.size(); }

  const StringMap<std::int32_t>& ids() const { return ids_; }

 private:
  std::size_t limit_;
  StringMap<std::int32_t> ids_;
  std::vector<std::optional<std::string>> spellings_;
};

}  // namespace zofo::tokenize
