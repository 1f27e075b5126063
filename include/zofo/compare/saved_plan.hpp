/// @file Saves a plan as JSON, and compares it with the plan that a folder was started with.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "zofo/compare/plan.hpp"

namespace zofo::compare {

/// A plan as JSON, including the order of tasks and methods.
nlohmann::json to_json(const Plan& plan);

/// Throws Error naming the first field in which the plan `now` differs from `before`, which was read from
/// `place`. `before` may have names of an earlier release.
void check_same(const nlohmann::json& now, const nlohmann::json& before, std::string_view place);

}  // namespace zofo::compare
