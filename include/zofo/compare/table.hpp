/// @file A comparison as a plain-text table.
#pragma once

#include <string>
#include <vector>

#include "zofo/compare/summary.hpp"

namespace zofo::compare {

/// "0.886 ± 0.006"; "0.886" of one run; "-" without runs.
std::string with_error(const Estimate& estimate, int decimals);

/// A table for every task: mean ± standard error over seeds. Generation tasks have F1 instead of accuracy.
std::string table_text(const std::vector<Row>& rows);

}  // namespace zofo::compare
