// What the subcommands of the program `zofo` share.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/config/option_diff.hpp"
#include "zofo/config/options.hpp"

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

// The model, task and rows that a command works on.
struct Place {
  std::string model;
  std::string task;
  std::string data;
  std::string tasks = ZOFO_SOURCE_DIR "/tasks";

  [[nodiscard]] std::optional<std::filesystem::path> data_folder() const {
    return data.empty() ? std::nullopt : std::optional<std::filesystem::path>(data);
  }
};

inline void add_place(CLI::App& command, Place& place, bool required = true) {
  command.add_option("--model", place.model, "GGUF file or Hugging Face folder of the model")
      ->required(required);
  command.add_option("--task", place.task, "folder with task.toml, or the name of a definition")
      ->required(required);
  command.add_option("--data", place.data, "folder with NAME/train.jsonl and NAME/validation.jsonl");
  command.add_option("--tasks", place.tasks, "folder with the task definitions")->capture_default_str();
}

// A place as a saved state keeps it: names that lead to the same files from any folder.
inline nlohmann::json place_to_json(const Place& place) {
  const auto whole = [](const std::string& path) {
    std::error_code ignored;
    const bool there = !path.empty() && std::filesystem::exists(path, ignored);
    return there ? std::filesystem::absolute(path).string() : path;
  };
  return {{"model", whole(place.model)},
          {"task", whole(place.task)},
          {"data", whole(place.data)},
          {"tasks", whole(place.tasks)}};
}
// Throws Error naming a field that is missing.
inline Place place_from_json(const nlohmann::json& saved) {
  try {
    return {saved.at("model").get<std::string>(), saved.at("task").get<std::string>(),
            saved.at("data").get<std::string>(), saved.at("tasks").get<std::string>()};
  } catch (const nlohmann::json::exception& error) {
    fail("saved state: place: {}", error.what());
  }
}

// "lower_rate" as "--lower-rate".
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

// Every option as a flag; a boolean takes true or false as well as its bare form.
template <class AnyOptions>
void add_options(CLI::App& command, AnyOptions& options) {
  for_each_option(options, [&]<class T>(const char* name, T& field, const char* help) {
    if constexpr (std::is_same_v<T, bool>) {
      const std::string flag = flag_of(name);
      command.add_flag(flag + ",!--no-" + flag.substr(2), field, help)->group("Options of the run");
    } else {
      CLI::Option* option = command.add_option(flag_of(name), field, help);
      option->capture_default_str()->group("Options of the run");
      if constexpr (std::is_unsigned_v<T>) not_negative(option);
    }
  });
}

// Whether the command line names a flag.
inline bool given(const CLI::App& command, const std::string& flag) {
  return command.get_option(flag)->count() > 0;
}

// Takes the options that the command line named from `flags`.
template <class AnyOptions>
void take_flags(const CLI::App& command, const AnyOptions& flags, AnyOptions& options) {
  for_each_pair(options, flags, [&](const char* name, auto& field, const auto& value) {
    if (given(command, flag_of(name))) field = value;
  });
}

}  // namespace zofo::cli
