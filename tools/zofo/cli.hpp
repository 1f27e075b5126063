// What the subcommands of the program `zofo` share.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "old_flags.hpp"
#include "zofo/config/option_diff.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/error.hpp"
#include "zofo/run/data_folder.hpp"
#include "zofo/train/input_paths.hpp"

namespace zofo::cli {

// What a subcommand does after parsing; the value is the exit code.
using Action = std::function<int()>;

// Each adds its subcommand and sets `action` when it is chosen. `argv` is the whole command line.
void add_finetune(CLI::App& app, Action& action);
void add_evaluate(CLI::App& app, Action& action);
void add_tokenize(CLI::App& app, Action& action);
void add_export(CLI::App& app, Action& action);
void add_score(CLI::App& app, Action& action);
void add_generate(CLI::App& app, Action& action);
void add_demo(CLI::App& app, Action& action);
void add_meta_train(CLI::App& app, Action& action);
void add_adapt(CLI::App& app, Action& action);
void add_methods(CLI::App& app, Action& action);
void add_replay(CLI::App& app, Action& action);
void add_compare(CLI::App& app, Action& action);

// SIGINT ends a run after its step. The handler only sets a flag.
void catch_interrupt();
bool interrupted();
inline constexpr int exit_interrupted = 130;

// Sends what was printed on its way; throws Error when standard output refuses it (a full disk), now or
// earlier: C flushes by itself too, and then only the stream's error flag tells.
inline void flush_output() {
  require(std::fflush(stdout) == 0 && std::ferror(stdout) == 0, "standard output: write failed");
}

// Prints to standard output; throws Error when it refuses. main() flushes what is left.
template <class... Args>
void write_out(fmt::format_string<Args...> format, Args&&... args) {
  const std::string text = fmt::format(format, std::forward<Args>(args)...);
  require(std::fwrite(text.data(), 1, text.size(), stdout) == text.size(), "standard output: write failed");
}

// Searches for the folder with the task definitions if it is not given and a task is no folder with a
// task.toml. Throws Error when it is missing.
inline void find_definitions(const std::string& flag, const std::vector<std::string>& tasks,
                             std::string& definitions) {
  const auto is_name = [](const std::string& task) {
    return !std::filesystem::exists(std::filesystem::path(task) / "task.toml");
  };
  if (!definitions.empty() || std::none_of(tasks.begin(), tasks.end(), is_name)) return;
  llm::InstalledData wanted = llm::task_definitions;
  wanted.flag = flag.c_str();
  definitions = llm::find_data(wanted).string();
}

inline void add_definitions(CLI::App& command, const std::string& flag, std::string& definitions) {
  command.add_option(flag, definitions,
                     "folder with the task definitions; default: $ZOFO_TASKS, else share/zofo/tasks of the "
                     "installation");
}

// --model, --task, --data and --tasks (the definitions): the flags of commands that work on one task.
inline void add_input_paths(CLI::App& command, llm::InputPaths& paths, bool required = true) {
  command.add_option("--model", paths.model, "GGUF file or Hugging Face folder of the model")
      ->required(required);
  command.add_option("--task", paths.tasks, "folder with task.toml, or the name of a definition")
      ->expected(1)
      ->required(required);
  command.add_option("--data", paths.data, "folder with NAME/train.jsonl and NAME/validation.jsonl");
  add_definitions(command, "--tasks", paths.definitions);
  command.parse_complete_callback([&paths] { find_definitions("--tasks", paths.tasks, paths.definitions); });
}
// --data and --definitions, and `flag` with a list of tasks: the flags of commands that work on several.
inline CLI::Option* add_several_input_paths(CLI::App& command, llm::InputPaths& paths, const char* flag,
                                            const char* what) {
  CLI::Option* tasks = command.add_option(flag, paths.tasks, what)->delimiter(',');
  command.add_option("--data", paths.data, "folder with NAME/train.jsonl and NAME/validation.jsonl");
  add_definitions(command, "--definitions", paths.definitions);
  command.parse_complete_callback(
      [&paths] { find_definitions("--definitions", paths.tasks, paths.definitions); });
  return tasks;
}

// "batch_size" as "--batch-size".
inline std::string flag_of(std::string name) {
  for (char& c : name)
    if (c == '_') c = '-';
  return "--" + name;
}

// CLI11 reads "-1" as an unsigned number far above all others.
inline CLI::Option* not_negative(CLI::Option* option) {
  return option->check([](const std::string& text) {
    return text.starts_with('-') ? fmt::format("{}: must not be negative", text) : std::string();
  });
}

// A flag that takes the names of an enum's values, those of earlier releases too. Throws Error, while
// parsing, naming those that there are.
template <llm::NamedEnum E>
CLI::Option* add_choice(CLI::App& command, const std::string& flag, E& field, const std::string& help,
                        const std::string& name) {
  return command
      .add_option_function<std::string>(
          flag,
          [&field, name](const std::string& text) {
            field = llm::enum_from<E>(name, llm::current_value(name, text, name, &flag_hints()));
          },
          help)
      ->default_str(std::string(llm::to_text(field)));
}

// The flags by which earlier releases knew an option.
template <class T>
void add_old_flags(CLI::App& command, const std::string& name, const std::string& old_name, T& field) {
  if (old_name.empty()) return;
  const std::string flag = flag_of(name), old_flag = flag_of(old_name);
  if constexpr (std::is_same_v<T, bool>) {
    const std::string no = "--no-" + flag.substr(2), old_no = "--no-" + old_flag.substr(2);
    const CLI::Option* option = command.get_option(flag);
    register_old_flag(command.add_flag(old_flag, field), option, old_flag, flag);
    register_old_flag(command.add_flag("!" + old_no, field), option, old_no, no);
  } else if constexpr (llm::NamedEnum<T>) {
    register_old_flag(add_choice(command, old_flag, field, "", name), command.get_option(flag), old_flag,
                      flag);
  } else {
    CLI::Option* option = accept_old_flag(command, old_flag, flag, field);
    if constexpr (std::is_unsigned_v<T>) not_negative(option);
  }
}

// Every option as a flag; a boolean takes true or false as well as its bare form.
inline void add_options(CLI::App& command, llm::RunOptions& options) {
  for_each_option(options, [&]<class T>(const char* name, T& field, const char* help) {
    if constexpr (std::is_same_v<T, bool>) {
      const std::string flag = flag_of(name);
      command.add_flag(flag + ",!--no-" + flag.substr(2), field, help)->group("Options of the run");
    } else if constexpr (llm::NamedEnum<T>) {
      add_choice(command, flag_of(name), field, help, name)->group("Options of the run");
    } else {
      CLI::Option* option = command.add_option(flag_of(name), field, help);
      option->capture_default_str()->group("Options of the run");
      if constexpr (std::is_unsigned_v<T>) not_negative(option);
    }
    add_old_flags(command, name, std::string(llm::old_option(name)), field);
  });
}

// Whether the command line names a flag, by its name or an old one.
inline bool given(const CLI::App& command, const std::string& flag) {
  return given(command.get_option(flag));
}

// Takes the options that the command line named from `flags`.
inline void take_flags(const CLI::App& command, const llm::RunOptions& flags, llm::RunOptions& options) {
  for_each_pair(options, flags, [&](const char* name, auto& field, const auto& value) {
    if (given(command, flag_of(name))) field = value;
  });
  options.lora_target_modules = llm::target_modules(options.lora_target_modules);
}

}  // namespace zofo::cli
