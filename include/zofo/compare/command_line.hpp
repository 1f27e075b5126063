/// @file The command line that reproduces a plan.
#pragma once

#include <string>

#include "zofo/compare/plan.hpp"

namespace zofo::compare {

/// Quotes a word for a POSIX shell where needed.
std::string shell_quoted(const std::string& text);

/// `zofo compare` with every field of the plan; "FOLDER" stands for the output folder.
std::string command_line(const Plan& plan);

}  // namespace zofo::compare
