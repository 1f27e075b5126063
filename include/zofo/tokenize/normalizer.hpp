/// @file Changes a text before it is split into words (`normalizer` of `tokenizer.json`).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "zofo/tokenize/pattern.hpp"

namespace zofo::tokenize {

/// A Unicode normalization form (UAX #15, by utf8proc). The reference's Unicode table is older than
/// utf8proc's: the order of combining marks that Unicode 11 and later added (about a hundred, rare) may
/// differ.
struct UnicodeForm {
  bool composed = true;        ///< NFC, NFKC
  bool compatibility = false;  ///< NFKC, NFKD
};

/// Replaces every match by `content`.
struct Replacement {
  Pattern pattern;      ///< what is replaced
  std::string content;  ///< inserted literally
};

/// Puts `content` before a non-empty text.
struct Prefix {
  std::string content;  ///< inserted literally
};

/// A list of steps; each is applied to the result of the one before.
class Normalizer {
 public:
  /// One step.
  using Step = std::variant<UnicodeForm, Replacement, Prefix>;

  Normalizer() = default;
  /// Applies `steps` in order.
  explicit Normalizer(std::vector<Step> steps) : steps_(std::move(steps)) {}

  /// Returns the normalized text: `text` itself if nothing changes, else a view of `own`, which stores it.
  /// Throws Error when the text grows beyond 64 times its bytes + 4096, as replacements of each other's
  /// results can do.
  std::string_view apply(std::string_view text, std::string& own) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace zofo::tokenize
