/// @file Names of modules matched by regular expressions of Python's module re, as configs of peft have them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace zofo::peft::detail {

/// A regular expression that means the same in Python and in PCRE2. A match takes bounded time and memory.
class NamePattern {
 public:
  /// Steps of a match after which it is an error: for the pattern of a whole config, and for one of many.
  static constexpr std::uint32_t most_steps = 1'000'000, few_steps = 20'000;

  /// `place` starts all messages. `pattern` is checked; the expression is before + pattern + after, matched
  /// from a name's first character, and with `whole` to its last. Throws Error for a malformed pattern, or
  /// for a part of the syntax that the two languages do not share.
  NamePattern(const std::string& place, const std::string& pattern, std::string_view before,
              std::string_view after, bool whole, std::uint32_t steps);

  /// Throws Error if the match takes too many steps.
  [[nodiscard]] bool matches(std::string_view name) const { return find(name, nullptr).has_value(); }
  /// The text of the group `of` in a match, empty if the group takes no part in it; none: no match.
  [[nodiscard]] std::optional<std::string> group(std::string_view name, const char* of) const {
    return find(name, of);
  }

 private:
  [[nodiscard]] std::optional<std::string> find(std::string_view name, const char* group) const;

  std::string shown_;  // place and pattern, for messages
  std::shared_ptr<const pcre2_real_code_8> code_;
  std::uint32_t steps_;
};

}  // namespace zofo::peft::detail
