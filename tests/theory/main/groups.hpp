// The statements by group, one translation unit each. To add a statement, add it to the list of its group.
#pragma once

#include <vector>

#include "theory/verdict.hpp"

namespace theory {

std::vector<Statement> penalty_statements();
std::vector<Statement> inner_statements();
std::vector<Statement> estimator_statements();
std::vector<Statement> descent_statements();
std::vector<Statement> algorithm_statements();

}  // namespace theory
