#include "zofo/config/renamed_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace zofo::llm {

void add_hint(Hints* hints, std::string line) {
  if (hints != nullptr && std::ranges::find(*hints, line) == hints->end()) hints->push_back(std::move(line));
}

std::string renaming_hint(std::string_view old_name, std::string_view name) {
  return fmt::format("{}: renamed to {} (the old name is accepted in this release)", old_name, name);
}

std::string_view current_value(std::string_view option, std::string_view value, std::string_view where,
                               Hints* hints) {
  for (const RenamedValue& each : renamed_values) {
    if (each.option != option || each.old_value != value) continue;
    add_hint(hints,
             renaming_hint(fmt::format("{} = \"{}\"", where, value), fmt::format("\"{}\"", each.value)));
    return each.value;
  }
  return value;
}

std::string target_modules(std::string_view text) {
  constexpr std::array<std::string_view, 7> projections{"q", "k", "v", "o", "gate", "up", "down"};
  std::string out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    const std::size_t numbers = std::min(part.find(':'), part.size());
    const std::size_t dot = part.find('.');
    const std::string_view name = part.substr(0, numbers).substr(dot < numbers ? dot + 1 : 0);
    out.append(begin == 0 ? "" : ",").append(part.substr(0, numbers));
    if (std::ranges::find(projections, name) != projections.end()) out.append("_proj");
    out.append(part.substr(numbers));
    begin = end + 1;
  }
  return out;
}

}  // namespace zofo::llm
