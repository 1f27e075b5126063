#include "zofo/tokenize/normalizer.hpp"

#include <utf8proc.h>

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

namespace {

/// No code point below U+0300 composes, and none below U+0080 decomposes.
bool unchanged(const UnicodeForm& form, std::string_view text) {
  const unsigned char first_affected = form.composed && !form.compatibility ? 0xCC : 0x80;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= first_affected) return false;
  }
  return true;
}
bool unchanged(const Replacement&, std::string_view) { return false; }
bool unchanged(const Prefix&, std::string_view text) { return text.empty(); }

void check_growth(std::size_t size, std::size_t most) {
  require(size <= most, "normalizing text: it grows past {} bytes", most);
}

std::string changed(const UnicodeForm& form, std::string_view text, std::size_t) {
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

std::string changed(const Replacement& step, std::string_view text, std::size_t most) {
  std::string result;
  step.pattern.stretches(text, step.pattern.match().get(), [&](std::string_view piece, bool match) {
    result += match ? std::string_view(step.content) : piece;
    check_growth(result.size(), most);
  });
  return result;
}

std::string changed(const Prefix& step, std::string_view text, std::size_t) {
  return step.content + std::string(text);
}

}  // namespace

std::string_view Normalizer::apply(std::string_view text, std::string& own) const {
  const std::size_t most = 64 * text.size() + 4096;  // UAX #15: a form makes at most 11 bytes of one
  for (const Step& step : steps_) {
    if (std::visit([&](const auto& s) { return unchanged(s, text); }, step)) continue;
    own = std::visit([&](const auto& s) { return changed(s, text, most); }, step);
    check_growth(own.size(), most);
    text = own;
  }
  return text;
}

}  // namespace zofo::tokenize
