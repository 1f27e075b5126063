/// @file Decodes ids to text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace zofo::tokenize {

/// The bytes of every token.
class TokenBytes {
 public:
  /// `bytes[id]`, empty for an id without a token. `leading_space` states that the encoder puts a space
  /// before a text; decode() then removes the first space of a text of its own.
  TokenBytes(std::vector<std::optional<std::string>> bytes, bool leading_space)
      : bytes_(std::move(bytes)), leading_space_(leading_space) {}

  /// The text of the ids, which continue a text or are one of their own; ids that end inside a character give
  /// invalid UTF-8. Throws Error for an id without a token.
  std::string decode(std::span<const std::int32_t> ids, bool continues) const;

 private:
  std::vector<std::optional<std::string>> bytes_;
  bool leading_space_;
};

}  // namespace zofo::tokenize
