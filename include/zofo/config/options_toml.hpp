/// @file Options of a run as TOML.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "zofo/config/renamed_options.hpp"
#include "zofo/config/run_options.hpp"

namespace zofo::llm {

/// The options as TOML, one option on each line, in the order of for_each_option().
std::string to_toml(const RunOptions& options);

/// Overwrites the fields that the text names; `name` stands for the text in errors. Old names of options and
/// of their values are accepted; each adds a hint. Throws Error (name, line, field) for a syntax error, an
/// unknown field, a wrong type, or an option that is given by its old name and by its new one.
void parse_toml(RunOptions& options, std::string_view text, const std::string& name, Hints* hints = nullptr);

/// parse_toml() on the text of a file. Also throws Error if the file cannot be read.
void read_toml(RunOptions& options, const std::filesystem::path& path, Hints* hints = nullptr);

/// The defaults of a command, overwritten by the text as in parse_toml(). The adapter is the method's if the
/// text names none. Throws Error as parse_toml() does.
RunOptions options_from_toml(Command command, std::string_view text, const std::string& name,
                             Hints* hints = nullptr);

}  // namespace zofo::llm
