/// @file Two sets of options side by side.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <type_traits>

#include "zofo/config/enum_text.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

/// Calls visit(name, field of first, the same field of second) for every option.
template <class First, class Second, class Visit>
requires std::is_same_v<std::remove_const_t<First>, std::remove_const_t<Second>>
void for_each_pair(First& first, Second& second, Visit&& visit) {
  for_each_option(first, [&]<class T>(const char* name, T& one, const char*) {
    for_each_option(second, [&]<class U>(const char* other, U& two, const char*) {
      if constexpr (std::is_same_v<std::remove_const_t<T>, std::remove_const_t<U>>)
        if (std::string_view(name) == other) visit(name, one, two);
    });
  });
}

/// Throws Error naming the first option that differs from what a run was started with and is not `extendable`.
inline void refuse_changes(const RunOptions& started, const RunOptions& given,
                           std::span<const std::string_view> extendable) {
  for_each_pair(started, given, [&](const char* name, const auto& before, const auto& now) {
    if (std::ranges::find(extendable, std::string_view(name)) != extendable.end()) return;
    require(before == now, "{} = {}: the run was begun with {}; only {} may change", name, now, before,
            fmt::join(extendable, ", "));
  });
}

}  // namespace zofo::llm
