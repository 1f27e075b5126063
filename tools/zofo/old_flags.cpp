#include "old_flags.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::cli {
namespace {

struct OldFlag {
  CLI::Option* old_option;
  const CLI::Option* option;
  std::string old_name, name;
};

std::vector<OldFlag>& old_flags() {
  static std::vector<OldFlag> list;
  return list;
}

}  // namespace

llm::Hints& flag_hints() {
  static llm::Hints list;
  return list;
}

void register_old_flag(CLI::Option* old_option, const CLI::Option* option, std::string old_name,
                       std::string name) {
  old_flags().push_back({old_option, option, std::move(old_name), std::move(name)});
}

void hide_old_flags() {
  for (const OldFlag& each : old_flags()) each.old_option->group("");
}

bool given(const CLI::Option* option) {
  if (option->count() > 0) return true;
  for (const OldFlag& each : old_flags())
    if (each.option == option && each.old_option->count() > 0) return true;
  return false;
}

void print_hints(const llm::Hints& hints) {
  for (const std::string& line : hints) fmt::print(stderr, "zofo: {}\n", line);
}

void print_folder_hints(const llm::Hints& hints) {
  if (hints.empty()) return;
  const std::string more =
      hints.size() > 1 ? fmt::format("; {} more old names in this folder", hints.size() - 1) : "";
  fmt::print(stderr, "zofo: {}{}\n", hints.front(), more);
}

void check_old_flags() {
  for (const OldFlag& each : old_flags()) {
    if (each.old_option->count() == 0) continue;
    require(each.option->count() == 0, "{}: the old name of {}, which is given too: keep only {}",
            each.old_name, each.name, each.name);
    llm::add_hint(&flag_hints(), llm::renaming_hint(each.old_name, each.name));
  }
  print_hints(flag_hints());
}

}  // namespace zofo::cli
