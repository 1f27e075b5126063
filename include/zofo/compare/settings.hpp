/// @file Options of a run given as strings: "lower_rate=5e-4".
#pragma once

#include <string>
#include <string_view>

namespace zofo::llm {
struct RunOptions;
}  // namespace zofo::llm

namespace zofo::compare {

/// An option of `zofo finetune` and its value, as strings.
struct Setting {
  std::string option, value;
};

/// Sets the option that a setting names, and rewrites its value in the shortest form. Throws Error naming an
/// unknown option or a value of the wrong type; RunOptions::check() checks ranges.
void apply(Setting& setting, llm::RunOptions& options);

/// Parses "name=value"; dashes of the name become underscores. Throws Error for a text without name or '='.
Setting parse_setting(std::string_view text);

}  // namespace zofo::compare
