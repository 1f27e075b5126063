// The statements by group, one translation unit each. A new statement is one line in its group's file.
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
