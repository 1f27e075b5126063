#include "name_pattern.hpp"

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "zofo/core/error.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::peft::detail {

static_assert(std::is_same_v<pcre2_real_code_8, pcre2_code>,
              "name_pattern.hpp must declare the type of this version of PCRE2");

namespace {

constexpr std::size_t longest_pattern = 65536;
constexpr std::uint32_t heap_kib = 16384;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Groups that both languages have: (?:, lookarounds, atomic, named, and a reference to a named one.
bool is_shared_group(std::string_view after_question_mark) {
  for (const std::string_view start : {":", "=", "!", "<=", "<!", ">", "P<", "P="})
    if (after_question_mark.starts_with(start)) return true;
  return false;
}

// The part of a pattern that Python and PCRE2 read differently, or one of them not at all; empty: none.
std::string unshared_part(std::string_view pattern) {
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    const std::string_view rest = pattern.substr(i + 1);
    if (c == '\\') {
      constexpr std::string_view escapes = "AbBdDsSwWZafnrtx123456789";
      if (!rest.empty() && is_letter_or_digit(rest[0]) && escapes.find(rest[0]) == std::string_view::npos)
        return std::string(pattern.substr(i, 2));
      ++i;
    } else if (in_class) {
      if (c == ']') in_class = false;
      if (c == '[' && !rest.empty() && (rest[0] == ':' || rest[0] == '.' || rest[0] == '='))
        return std::string(pattern.substr(i, 2));
    } else if (c == '[') {
      in_class = true;
      if (rest.starts_with('^')) ++i;
      if (pattern.substr(i + 1).starts_with(']')) ++i;  // the first one is a member of the class
    } else if (c == '(') {
      if (rest.starts_with('*')) return "(*";
      if (rest.starts_with('?') && !is_shared_group(rest.substr(1))) return std::string(pattern.substr(i, 3));
    } else if (c == '{' && rest.starts_with(',')) {
      return "{,";
    }
  }
  return "";
}

std::string pcre2_message(int error) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(error, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

NamePattern::NamePattern(const std::string& place, const std::string& pattern, std::string_view before,
                         std::string_view after, bool whole, std::uint32_t steps)
    : shown_(fmt::format("{}: pattern {}", place, parse::shown(nlohmann::json(pattern)))), steps_(steps) {
  require(pattern.size() <= longest_pattern, "{}: {} bytes: must have at most {}", shown_, pattern.size(),
          longest_pattern);
  const std::string unshared = unshared_part(pattern);
  require(unshared.empty(), "{}: {}: must be a part of Python's syntax that PCRE2 reads alike", shown_,
          parse::shown(nlohmann::json(unshared)));
  const std::string source = std::string(before).append(pattern).append(after);
  int error = 0;
  std::size_t offset = 0;
  const std::uint32_t options =
      PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_ANCHORED | (whole ? PCRE2_ENDANCHORED : 0U);
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(), options,
                                   &error, &offset, nullptr);
  require(code != nullptr, "{}: {}", shown_, pcre2_message(error));
  code_ = std::shared_ptr<const pcre2_code>(
      code, [](const pcre2_code* c) { pcre2_code_free(const_cast<pcre2_code*>(c)); });
}

std::optional<std::string> NamePattern::find(std::string_view name, const char* group) const {
  const std::unique_ptr<pcre2_match_context, FreeMatchContext> context(pcre2_match_context_create(nullptr));
  const std::unique_ptr<pcre2_match_data, FreeMatchData> data(
      pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  require(context != nullptr && data != nullptr, "PCRE2: not enough memory for match data");
  pcre2_set_match_limit(context.get(), steps_);
  pcre2_set_heap_limit(context.get(), heap_kib);
  const int count = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(name.data()), name.size(), 0, 0,
                                data.get(), context.get());
  if (count == PCRE2_ERROR_NOMATCH) return std::nullopt;
  require(count >= 0, "{}: on the module '{}': {}", shown_, name, pcre2_message(count));
  if (group == nullptr) return "";
  const int number = pcre2_substring_number_from_name(code_.get(), reinterpret_cast<PCRE2_SPTR>(group));
  require(number > 0, "{}: has no group '{}'", shown_, group);
  const std::size_t* span = pcre2_get_ovector_pointer(data.get()) + 2 * static_cast<std::size_t>(number);
  return span[0] == PCRE2_UNSET ? std::string() : std::string(name.substr(span[0], span[1] - span[0]));
}

}  // namespace zofo::peft::detail
