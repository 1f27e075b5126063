#include "zofo/data/request_lines.hpp"

#include <algorithm>

#include "zofo/parse/json.hpp"

namespace zofo::data {

nlohmann::json other_fields(const nlohmann::json& fields, std::initializer_list<std::string_view> known) {
  nlohmann::json others = nlohmann::json::object();
  for (const auto& [name, value] : fields.items())
    if (std::ranges::find(known, std::string_view(name)) == known.end()) others[name] = value;
  return others;
}

std::string with_fields(const std::string& answer, const nlohmann::json& fields) {
  if (fields.empty()) return answer;
  nlohmann::json all = nlohmann::json::parse(answer);
  const nlohmann::json own = all;
  for (const auto& [name, value] : fields.items()) {
    const auto found = own.find(name);
    if (found != own.end() && *found == value) continue;
    // "error" is that of an answer which is none; a field of the row would look like it.
    std::string free = found == own.end() && name != "error" ? name : "row." + name;
    while (free != name && (own.contains(free) || fields.contains(free))) free = "row." + free;
    all[free] = value;
  }
  return all.dump();
}

std::string error_answer(std::string_view message) {
  return parse::json_text(nlohmann::json{{"error", message}});
}

}  // namespace zofo::data
