#include "zofo/config/option_diff.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "zofo/config/enum_text.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

void refuse_changes(const RunOptions& started, const RunOptions& given,
                    std::span<const std::string_view> extendable) {
  for_each_pair(started, given, [&](const char* name, const auto& before, const auto& now) {
    if (std::ranges::find(extendable, std::string_view(name)) != extendable.end()) return;
    require(before == now, "{} = {}: the run was started with {}; only {} may change", name, now, before,
            fmt::join(extendable, ", "));
  });
}

}  // namespace zofo::llm
