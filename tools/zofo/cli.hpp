// What the commands of the program `zofo` share. CLI11 is slow to compile: only cli.cpp and main.cpp
// include it; the commands describe their flags to Subcommand.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/config/enum_text.hpp"
#include "zofo/config/renamed_options.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/error.hpp"
#include "zofo/run/run_info.hpp"
#include "zofo/train/input_paths.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace zofo::cli {

// Executes a command after parsing; the value is the exit code.
using Action = std::function<int()>;

// Each adds its command, which sets `action` when it is selected.
void add_finetune(CLI::App& app, Action& action);
void add_evaluate(CLI::App& app, Action& action);
void add_tokenize(CLI::App& app, Action& action);
void add_export(CLI::App& app, Action& action);
void add_predict(CLI::App& app, Action& action);
void add_score(CLI::App& app, Action& action);
void add_generate(CLI::App& app, Action& action);
void add_serve(CLI::App& app, Action& action);
void add_demo(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_meta_train(CLI::App& app, Action& action);
void add_adapt(CLI::App& app, Action& action);
void add_methods(CLI::App& app, Action& action);
void add_replay(CLI::App& app, Action& action);
void add_compare(CLI::App& app, Action& action);
void add_task(CLI::App& app, Action& action);
void add_show(CLI::App& app, Action& action);

// The command line of this process, and the machine, for the records of a run.
llm::Provenance& provenance();

// SIGINT ends a run after its current step. The handler only sets a flag.
void catch_interrupt();
// The same for SIGTERM, by which others end a server.
void catch_termination();
bool interrupted();
inline constexpr int exit_interrupted = 130;

// The exit code of a command that answers line by line, after `errors` lines were answered by an error: 0 if
// there are none, else 1, and a line on standard error has their number.
int exit_of_lines(std::size_t errors);

// Whether two paths lead to one file, which may not exist yet. An empty path and "-" are no file.
bool same_file(const std::string& one, const std::string& other);

// Flushes standard output. Throws Error if that, or an earlier write, failed (a full disk).
void flush_output();

// Writes to standard output. Throws Error if the write fails. main() flushes at the end.
void write_text(const std::string& text);

// Formats and writes to standard output as write_text().
template <class... Args>
void write_out(fmt::format_string<Args...> format, Args&&... args) {
  write_text(fmt::format(format, std::forward<Args>(args)...));
}

// Sets `definitions` to the installed task definitions if it is empty and a task is not a folder with a
// task.toml; `flag` is for messages. Throws Error if they are not found.
void find_definitions(const std::string& flag, const std::vector<std::string>& tasks,
                      std::string& definitions);

// "batch_size" as "--batch-size".
std::string flag_of(std::string name);

// Flags of earlier releases are still accepted, each with a hint on standard error, but not in the help.

// Hints about the old names on the command line, of flags and of values.
llm::Hints& flag_hints();

// Removes the old flags from the help. Called before the help is printed, not earlier: CLI11's messages leave
// out the name of a hidden option.
void hide_old_flags();

// Prints hints to standard error.
void print_hints(const llm::Hints& hints);

// Prints one line for a run folder, all of whose names are those of the release that made it.
void print_folder_hints(const llm::Hints& hints);

// Prints a hint for each old name on the command line. Throws Error if an option is given by both names.
void check_old_flags();

// A flag of a command.
class Flag {
 public:
  explicit Flag(CLI::Option* option) : option_(option) {}
  const Flag& required() const;
  const Flag& show_default() const;  // the help prints the field's value
  const Flag& not_negative() const;  // for a number that is parsed later
  const Flag& not_empty() const;     // for a path: that of a variable without value would be ignored
  const Flag& separated_by_commas() const;
  const Flag& one_value_each() const;  // a list that takes one value after each occurrence of the flag
  const Flag& take_all() const;        // a list that keeps the values of all occurrences
  [[nodiscard]] bool given() const;    // by any of its names

 private:
  CLI::Option* option_;
};

// A command during its description.
class Subcommand {
 public:
  Subcommand(CLI::App& app, const char* name, const char* description);
  // A command of a group of commands, one of which must be given.
  Subcommand(const Subcommand& group, const char* name, const char* description);

  // A flag that sets `field`: bool, std::string, std::filesystem::path, double, std::uint32_t, std::uint64_t,
  // or a list of strings or of std::size_t. Unsigned numbers must not be negative.
  template <class T>
  Flag add(const std::string& flag, T& field, const std::string& help) const;
  // The name of `flag` in earlier releases; sets the same field.
  template <class T>
  void add_old(const std::string& old_flag, const std::string& flag, T& field) const;
  // A flag that takes the names of an enum's values, including those of earlier releases; `name` is the
  // option's name in messages.
  template <llm::NamedEnum E>
  void add_choice(const std::string& flag, E& field, const std::string& help, const std::string& name) const {
    add_text(
        flag,
        [&field, name](const std::string& text) {
          field = llm::enum_from<E>(name, llm::current_value(name, text, name, &flag_hints()));
        },
        help, std::string(llm::to_text(field)));
  }

  // The flag of the folder with the task definitions.
  void add_definitions(const std::string& flag, std::string& definitions) const;
  // --model, --task, --data and --tasks (the definitions), for a command on one task.
  void add_input_paths(llm::InputPaths& paths, bool required = true) const;
  // --data and --definitions, and `flag` with a list of tasks, for a command on several tasks.
  Flag add_several_input_paths(llm::InputPaths& paths, const char* flag, const char* help) const;
  // A flag for every option of a run; booleans also have the form --no-FLAG.
  void add_options(llm::RunOptions& options) const;

  // The text at the end of the help.
  void footer(const char* text) const;
  // Sets `action` to `run` if the command is selected.
  void on_selection(Action& action, Action run) const;

  // True if the command line has the flag, by any of its names.
  [[nodiscard]] bool given(const std::string& flag) const;
  // Throws the parser's error for a missing flag unless the command line has the flag.
  void require_given(const char* flag) const;
  // Copies the options that the command line gives from `flags` to `options`.
  void take_flags(const llm::RunOptions& flags, llm::RunOptions& options) const;

 private:
  void add_text(const std::string& flag, const std::function<void(const std::string&)>& set,
                const std::string& help, const std::string& default_text) const;

  CLI::App* app_;
};

}  // namespace zofo::cli
