/// @file Compares two sets of options.
#pragma once

#include <span>
#include <string_view>
#include <type_traits>

#include "zofo/config/run_options.hpp"

namespace zofo::llm {

/// Calls visit(name, field of first, the same field of second) for every option.
template <class First, class Second, class Visit>
  requires std::is_same_v<std::remove_const_t<First>, RunOptions> &&
           std::is_same_v<std::remove_const_t<Second>, RunOptions>
void for_each_pair(First& first, Second& second, Visit&& visit) {
  for_each_option_member(
      [&](const char* name, auto member, const char*) { visit(name, first.*member, second.*member); });
}

/// Throws Error naming the first option that differs from the run's start and is not in `extendable`.
void refuse_changes(const RunOptions& started, const RunOptions& given,
                    std::span<const std::string_view> extendable);

}  // namespace zofo::llm
