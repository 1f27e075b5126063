#include "zofo/serve/served_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "zofo/parse/json.hpp"
#include "zofo/serve/api_error.hpp"

namespace zofo::serve {

const ServedName& ServedModel::find(const std::string& name) const {
  if (name.empty()) return names.front();
  const auto found = std::ranges::find(names, name, &ServedName::name);
  if (found != names.end()) return *found;
  std::vector<std::string> known;
  for (const ServedName& each : names) known.push_back(each.name);
  throw ApiError(
      404, "model", "model_not_found",
      fmt::format("model {}: must be one of {}", parse::shown(nlohmann::json(name)), fmt::join(known, ", ")));
}

}  // namespace zofo::serve
