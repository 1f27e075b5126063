/// @file Makes a plan from strings of the command line or of a TOML file with the same fields.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "zofo/compare/plan.hpp"

namespace zofo::compare {

/// A plan's fields as strings; an empty one was not given.
struct PlanTexts {
  ///@{
  /// A field of Plan with this name.
  std::string model, data, definitions, device;
  ///@}
  std::vector<std::string> tasks;    ///< values of `--task`
  std::vector<std::string> methods;  ///< "METHOD" or "LABEL=METHOD"
  std::vector<std::string> seeds;    ///< integers
  ///@{
  /// A limit: the field of Plan with this name.
  std::string seconds, passes, epochs, rows;
  ///@}
  std::vector<std::string> settings;  ///< "METHOD.OPTION=VALUE" or "OPTION=VALUE"
};

/// Converts strings to a plan that is not yet checked: call Plan::check() when it is complete. Throws Error
/// for an invalid number, and for settings of methods that are not compared. Old names of options and values
/// are accepted; each adds a hint.
Plan make_plan(const PlanTexts& texts, llm::Hints* hints = nullptr);

/// Fills the fields that `texts` lacks from a TOML file: model, tasks, data, definitions, methods, seeds,
/// max_seconds, max_forward_passes, epochs, max_eval_samples, device, and a table `set` with options of all
/// methods and a sub-table for the options of a single method. Throws Error with file, line and field for a
/// syntax error, an unknown field or a wrong type, or an option given by its old and its new name. Old names
/// are accepted; each adds a hint.
void read_plan_file(const std::filesystem::path& path, PlanTexts& texts, llm::Hints* hints = nullptr);

}  // namespace zofo::compare
