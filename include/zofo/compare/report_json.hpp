/// @file A comparison as JSON: rows, averaged curves, and every run.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "zofo/compare/plan.hpp"
#include "zofo/compare/statistics.hpp"
#include "zofo/compare/summary.hpp"

namespace zofo::compare {

/// Mean, standard error and number of values; null for a missing mean or error.
nlohmann::json to_json(const Estimate& estimate);

/// One row of the table.
nlohmann::json to_json(const Row& row);

/// The averaged curves of every task and method that has finished runs: accuracy and loss against seconds and
/// passes, as lists of [x, mean, standard error].
nlohmann::json curves_to_json(const Plan& plan, const std::vector<Outcome>& outcomes);

/// Every run of a plan: its metrics and curve, or the message of its failure, or neither before it has run.
nlohmann::json runs_to_json(const Plan& plan, const std::vector<Outcome>& outcomes);

}  // namespace zofo::compare
