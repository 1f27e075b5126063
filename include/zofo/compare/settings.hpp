/// @file Options of a run given as strings: "lower_learning_rate=5e-4".
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "zofo/config/renamed_options.hpp"

namespace zofo::llm {
struct RunOptions;
}  // namespace zofo::llm

namespace zofo::compare {

/// An option of `zofo finetune` and its value, as strings.
struct Setting {
  std::string option;  ///< name, with underscores
  std::string value;   ///< text of the value
};

/// Sets the option that a setting names, and rewrites its value in the shortest form. Throws Error naming an
/// unknown option or a value of the wrong type; RunOptions::check() checks ranges.
void apply(Setting& setting, llm::RunOptions& options);

/// Parses "name=value"; dashes of the name become underscores. Old names are accepted; each adds a hint that
/// starts with "set ", `of` and the name. Throws Error for a text without name or '='.
Setting parse_setting(std::string_view text, std::string_view of = "", llm::Hints* hints = nullptr);

/// Throws Error if texts ("METHOD.OPTION=VALUE" or "OPTION=VALUE") set the same option by its old name and by
/// its new one.
void refuse_old_and_new(std::span<const std::string> texts);

}  // namespace zofo::compare
