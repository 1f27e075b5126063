/// @file What is done to a text before it is cut into words (`normalizer` of `tokenizer.json`).
#pragma once

#include <utf8proc.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/pattern.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

/// A Unicode normalization form (UAX #15, by utf8proc). The reference's table is older than utf8proc's: the
/// order of combining marks that Unicode 11 and later brought (some hundred, rare) may differ from it.
struct UnicodeForm {
  bool composed = true;        ///< NFC, NFKC
  bool compatibility = false;  ///< NFKC, NFKD
};

/// Puts `content` for every match.
struct Replacement {
  Pattern pattern;
  std::string content;
};

/// Puts `content` before a text that is not empty.
struct Prefix {
  std::string content;
};

/// A list of steps; each works on what the one before it made.
class Normalizer {
 public:
  using Step = std::variant<UnicodeForm, Replacement, Prefix>;

  Normalizer() = default;
  explicit Normalizer(std::vector<Step> steps) : steps_(std::move(steps)) {}

  /// The normalized text; `own` holds it where it differs from `text`. Throws Error for one that grows out of
  /// proportion, as replacements that feed each other make it.
  std::string_view apply(std::string_view text, std::string& own) const {
    const std::size_t most = 64 * text.size() + 4096;  // UAX #15: a form makes at most 11 bytes of one
    for (const Step& step : steps_) {
      if (std::visit([&](const auto& s) { return unchanged(s, text); }, step)) continue;
      own = std::visit([&](const auto& s) { return changed(s, text, most); }, step);
      check_growth(own.size(), most);
      text = own;
    }
    return text;
  }

 private:
  /// Below U+0300 nothing composes; below U+0080 nothing decomposes either.
  static bool unchanged(const UnicodeForm& form, std::string_view text) {
    const unsigned char first_affected = form.composed && !form.compatibility ? 0xCC : 0x80;
    for (const char c : text) {
      if (static_cast<unsigned char>(c) >= first_affected) return false;
    }
    return true;
  }
  static bool unchanged(const Replacement&, std::string_view) { return false; }
  static bool unchanged(const Prefix&, std::string_view text) { return text.empty(); }

  static void check_growth(std::size_t size, std::size_t most) {
    require(size <= most, "normalizing text: it grows past {} bytes", most);
  }

  static std::string changed(const UnicodeForm& form, std::string_view text, std::size_t) {
    const int options = UTF8PROC_STABLE | (form.composed ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                        (form.compatibility ? UTF8PROC_COMPAT : 0);
    utf8proc_uint8_t* result = nullptr;
    const utf8proc_ssize_t length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                 static_cast<utf8proc_ssize_t>(text.size()), &result,
                                                 static_cast<utf8proc_option_t>(options));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
    require(length >= 0, "normalizing text: {}", utf8proc_errmsg(length));
    return std::string(reinterpret_cast<const char*>(result), static_cast<std::size_t>(length));
  }

  static std::string changed(const Replacement& step, std::string_view text, std::size_t most) {
    std::string result;
    step.pattern.stretches(text, step.pattern.match().get(), [&](std::string_view piece, bool match) {
      result += match ? std::string_view(step.content) : piece;
      check_growth(result.size(), most);
    });
    return result;
  }

  static std::string changed(const Prefix& step, std::string_view text, std::size_t) {
    return step.content + std::string(text);
  }

  std::vector<Step> steps_;
};

}  // namespace zofo::tokenize
