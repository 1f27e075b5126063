// Flags of earlier releases: not in the help, still accepted, each with a hint on standard error.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "zofo/config/renamed_options.hpp"
#include "zofo/core/error.hpp"

namespace zofo::cli {

struct OldFlag {
  CLI::Option* old_option;
  const CLI::Option* option;
  std::string old_name, name;  // "--steps", "--max-steps"
};

// Those that the subcommands have registered.
inline std::vector<OldFlag>& old_flags() {
  static std::vector<OldFlag> list;
  return list;
}

// Hints of the old names on the command line, in flags and in values.
inline llm::Hints& flag_hints() {
  static llm::Hints list;
  return list;
}

// `old_option` is another name of `option`.
inline void register_old_flag(CLI::Option* old_option, const CLI::Option* option, std::string old_name,
                              std::string name) {
  old_flags().push_back({old_option, option, std::move(old_name), std::move(name)});
}

// Takes the old flags out of the help that is printed next. They are not hidden earlier, since CLI11's
// messages leave out the name of a hidden option.
inline void hide_old_flags() {
  for (const OldFlag& each : old_flags()) each.old_option->group("");
}

// An old name of a flag that sets `field`.
template <class T>
CLI::Option* accept_old_flag(CLI::App& command, const std::string& old_name, const std::string& name,
                             T& field) {
  CLI::Option* old_option = command.add_option(old_name, field);
  register_old_flag(old_option, command.get_option(name), old_name, name);
  return old_option;
}

// Whether the command line has an option by any of its names.
inline bool given(const CLI::Option* option) {
  if (option->count() > 0) return true;
  for (const OldFlag& each : old_flags())
    if (each.option == option && each.old_option->count() > 0) return true;
  return false;
}

inline void print_hints(const llm::Hints& hints) {
  for (const std::string& line : hints) fmt::print(stderr, "zofo: {}\n", line);
}

// One line for a run folder: all its names are those of the release that made it.
inline void print_folder_hints(const llm::Hints& hints) {
  if (hints.empty()) return;
  const std::string more =
      hints.size() > 1 ? fmt::format("; {} more old names in this folder", hints.size() - 1) : "";
  fmt::print(stderr, "zofo: {}{}\n", hints.front(), more);
}

// Prints a hint for each old name on the command line. Throws Error where an option has both names.
inline void check_old_flags() {
  for (const OldFlag& each : old_flags()) {
    if (each.old_option->count() == 0) continue;
    require(each.option->count() == 0, "{}: the old name of {}, which is given too: keep only {}",
            each.old_name, each.name, each.name);
    llm::add_hint(&flag_hints(), llm::renaming_hint(each.old_name, each.name));
  }
  print_hints(flag_hints());
}

}  // namespace zofo::cli
