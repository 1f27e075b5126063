/// @file From ids back to text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

/// The bytes that every token stands for.
class TokenBytes {
 public:
  /// `bytes[id]`, nothing for an id that is no token; with `leading_blank` the encoder puts a blank before a
  /// text, so the first one of a decoded text goes.
  TokenBytes(std::vector<std::optional<std::string>> bytes, bool leading_blank)
      : bytes_(std::move(bytes)), leading_blank_(leading_blank) {}

  /// The text of the ids; a cut inside a character leaves invalid UTF-8. Throws Error for an id that is no
  /// token.
  std::string decode(std::span<const std::int32_t> ids) const {
    std::string text;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      require(ids[i] >= 0 && static_cast<std::size_t>(ids[i]) < bytes_.size(),
              "token {} = {}: must be in [0, {}]", i, ids[i], static_cast<std::ptrdiff_t>(bytes_.size()) - 1);
      const auto& bytes = bytes_[static_cast<std::size_t>(ids[i])];
      require(bytes.has_value(), "token {} = {}: the vocabulary has no such token", i, ids[i]);
      text += *bytes;
    }
    if (leading_blank_ && text.starts_with(' ')) text.erase(0, 1);
    return text;
  }

 private:
  std::vector<std::optional<std::string>> bytes_;
  bool leading_blank_;
};

}  // namespace zofo::tokenize
