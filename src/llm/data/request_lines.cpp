#include "zofo/data/request_lines.hpp"

#include <algorithm>

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
    if (found == own.end())
      all[name] = value;
    else if (*found != value)
      all["row." + name] = value;
  }
  return all.dump();
}

std::string error_answer(std::string_view message) {
  return nlohmann::json{{"error", message}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace zofo::data
