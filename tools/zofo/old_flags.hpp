// Flags of earlier releases. They are still accepted, each with a hint on standard error, but not in the
// help.
#pragma once

#include <string>

#include "zofo/config/renamed_options.hpp"

namespace CLI {
class Option;
}  // namespace CLI

namespace zofo::cli {

// Hints about the old names on the command line, of flags and of values.
llm::Hints& flag_hints();

// Registers `old_option` as another name of `option`; the names are for messages ("--steps", "--max-steps").
void register_old_flag(CLI::Option* old_option, const CLI::Option* option, std::string old_name,
                       std::string name);

// Removes the old flags from the help. Called before the help is printed, not earlier: CLI11's messages leave
// out the name of a hidden option.
void hide_old_flags();

// True if the command line has the option, by any of its names.
bool given(const CLI::Option* option);

// Prints hints to standard error.
void print_hints(const llm::Hints& hints);

// Prints one line for a run folder, all of whose names are those of the release that made it.
void print_folder_hints(const llm::Hints& hints);

// Prints a hint for each old name on the command line. Throws Error if an option is given by both names.
void check_old_flags();

}  // namespace zofo::cli
