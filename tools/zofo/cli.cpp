#include "cli.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <system_error>
#include <type_traits>

#include "zofo/config/option_diff.hpp"
#include "zofo/run/data_folder.hpp"

namespace zofo::cli {
namespace {

// A flag of an earlier release: another name of `option`. The names are for messages ("--steps",
// "--max-steps").
struct OldFlag {
  CLI::Option* old_option;
  const CLI::Option* option;
  std::string old_name, name;
};

std::vector<OldFlag>& old_flags() {
  static std::vector<OldFlag> list;
  return list;
}

void register_old_flag(CLI::Option* old_option, const CLI::Option* option, std::string old_name,
                       std::string name) {
  old_flags().push_back({old_option, option, std::move(old_name), std::move(name)});
}

// True if the command line has the option, by any of its names.
bool has(const CLI::Option* option) {
  if (option->count() > 0) return true;
  for (const OldFlag& each : old_flags())
    if (each.option == option && each.old_option->count() > 0) return true;
  return false;
}

// The type of a number that an option takes, or void.
template <class T>
struct NumberOf {
  using type = std::conditional_t<std::is_arithmetic_v<T> && !std::is_same_v<T, bool>, T, void>;
};
template <class T>
struct NumberOf<std::vector<T>> : NumberOf<T> {};

constexpr const char* must_not_be_negative = "{}: must not be negative";

// Why a text is no number of type T; empty: it is one. CLI11 would also read numbers in octal and hexadecimal
// notation, and blanks, and would read "-1" as a very large unsigned number and 2^64 as the largest one.
template <class T>
std::string number_fault(const std::string& text) {
  if (std::is_unsigned_v<T> && text.starts_with('-')) return fmt::format(must_not_be_negative, text);
  T value{};
  const char* const end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value);
  const bool octal = std::is_integral_v<T> && text.size() > 1 && text.starts_with('0');
  if (error == std::errc::result_out_of_range && read == end)
    return fmt::format("{}: must be in [{}, {}]", text, std::numeric_limits<T>::lowest(),
                       std::numeric_limits<T>::max());
  if (error != std::errc() || read != end || octal)
    return fmt::format("'{}': must be a {} in decimal digits", text,
                       std::is_integral_v<T> ? "whole number" : "number");
  return {};
}

template <class T>
CLI::Option* add_value(CLI::App& app, const std::string& flag, T& field, const std::string& help) {
  if constexpr (std::is_same_v<T, bool>) {
    return app.add_flag(flag, field, help);
  } else {
    CLI::Option* option = app.add_option(flag, field, help);
    using Number = typename NumberOf<T>::type;
    if constexpr (!std::is_void_v<Number>) option->check(number_fault<Number>);
    return option;
  }
}

}  // namespace

llm::Provenance& provenance() {
  static llm::Provenance process;
  return process;
}

llm::Hints& flag_hints() {
  static llm::Hints list;
  return list;
}

void hide_old_flags() {
  for (const OldFlag& each : old_flags()) each.old_option->group("");
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

bool same_file(const std::string& one, const std::string& other) {
  const auto is_file = [](const std::string& path) { return !path.empty() && path != "-"; };
  if (!is_file(one) || !is_file(other)) return false;
  std::error_code ignored;  // of a path that cannot be examined; opening it has the reason
  const auto place = [&ignored](const std::string& path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, ignored), ignored);
  };
  const std::filesystem::path first = place(one);
  return !first.empty() && first == place(other);
}

void flush_output() {
  // C flushes by itself, too: only the stream's error flag shows an earlier failure.
  require(std::fflush(stdout) == 0 && std::ferror(stdout) == 0, "standard output: write failed");
}

void write_text(const std::string& text) {
  require(std::fwrite(text.data(), 1, text.size(), stdout) == text.size(), "standard output: write failed");
}

void find_definitions(const std::string& flag, const std::vector<std::string>& tasks,
                      std::string& definitions) {
  const auto is_name = [](const std::string& task) {
    return !std::filesystem::exists(std::filesystem::path(task) / "task.toml") &&
           !std::filesystem::is_regular_file(task);
  };
  if (!definitions.empty() || std::none_of(tasks.begin(), tasks.end(), is_name)) return;
  llm::InstalledData wanted = llm::task_definitions;
  wanted.flag = flag.c_str();
  definitions = llm::find_data(wanted).string();
}

int exit_of_lines(std::size_t errors) {
  if (errors == 0) return 0;
  fmt::print(stderr, "zofo: {} {} answered by an error\n", errors, errors == 1 ? "line was" : "lines were");
  return 1;
}

std::string flag_of(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

const Flag& Flag::required() const {
  option_->required();
  return *this;
}
const Flag& Flag::show_default() const {
  option_->capture_default_str();
  return *this;
}
const Flag& Flag::not_negative() const {
  option_->check([](const std::string& text) {
    return text.starts_with('-') ? fmt::format(must_not_be_negative, text) : std::string();
  });
  return *this;
}
const Flag& Flag::not_empty() const {
  option_->check([](const std::string& text) { return text.empty() ? "must not be empty" : std::string(); });
  return *this;
}
const Flag& Flag::separated_by_commas() const {
  option_->delimiter(',');
  return *this;
}
const Flag& Flag::one_value_each() const {
  option_->allow_extra_args(false);
  return *this;
}
const Flag& Flag::take_all() const {
  option_->take_all();
  return *this;
}
bool Flag::given() const { return has(option_); }

Subcommand::Subcommand(CLI::App& app, const char* name, const char* description)
    : app_(app.add_subcommand(name, description)) {}

Subcommand::Subcommand(const Subcommand& group, const char* name, const char* description)
    : app_(group.app_->add_subcommand(name, description)) {
  group.app_->require_subcommand(1);
}

template <class T>
Flag Subcommand::add(const std::string& flag, T& field, const std::string& help) const {
  return Flag(add_value(*app_, flag, field, help));
}
template Flag Subcommand::add(const std::string&, bool&, const std::string&) const;
template Flag Subcommand::add(const std::string&, double&, const std::string&) const;
template Flag Subcommand::add(const std::string&, std::uint32_t&, const std::string&) const;
template Flag Subcommand::add(const std::string&, std::uint64_t&, const std::string&) const;
template Flag Subcommand::add(const std::string&, std::string&, const std::string&) const;
template Flag Subcommand::add(const std::string&, std::filesystem::path&, const std::string&) const;
template Flag Subcommand::add(const std::string&, std::vector<std::string>&, const std::string&) const;
template Flag Subcommand::add(const std::string&, std::vector<std::size_t>&, const std::string&) const;

template <class T>
void Subcommand::add_old(const std::string& old_flag, const std::string& flag, T& field) const {
  register_old_flag(add_value(*app_, old_flag, field, ""), app_->get_option(flag), old_flag, flag);
}
template void Subcommand::add_old(const std::string&, const std::string&, double&) const;
template void Subcommand::add_old(const std::string&, const std::string&, std::uint32_t&) const;
template void Subcommand::add_old(const std::string&, const std::string&, std::uint64_t&) const;
template void Subcommand::add_old(const std::string&, const std::string&, std::string&) const;

void Subcommand::add_text(const std::string& flag, const std::function<void(const std::string&)>& set,
                          const std::string& help, const std::string& default_text) const {
  app_->add_option_function<std::string>(flag, set, help)->default_str(default_text);
}

void Subcommand::add_definitions(const std::string& flag, std::string& definitions) const {
  add(flag, definitions,
      "folder with the task definitions; default: $ZOFO_TASKS, else share/zofo/tasks of the installation");
}

void Subcommand::add_input_paths(llm::InputPaths& paths, bool required) const {
  app_->add_option("--model", paths.model, "GGUF file or Hugging Face folder of the model")
      ->required(required);
  app_->add_option("--task", paths.tasks,
                   "folder with task.toml, the name of a definition, or a file of rows of free text")
      ->expected(1)
      ->allow_extra_args(false)  // a word behind it is the command's
      ->required(required);
  add("--data", paths.data,
      "folder with NAME/train.jsonl and NAME/validation.jsonl (or .csv, .tsv); without --task a file of rows "
      "of free "
      "text");
  add_definitions("--tasks", paths.definitions);
  app_->parse_complete_callback([&paths] {
    llm::take_rows_as_task(paths);
    find_definitions("--tasks", paths.tasks, paths.definitions);
  });
}

Flag Subcommand::add_several_input_paths(llm::InputPaths& paths, const char* flag, const char* help) const {
  const Flag tasks = add(flag, paths.tasks, help).separated_by_commas();
  add("--data", paths.data, "folder with NAME/train.jsonl and NAME/validation.jsonl (or .csv, .tsv)");
  add_definitions("--definitions", paths.definitions);
  app_->parse_complete_callback(
      [&paths] { find_definitions("--definitions", paths.tasks, paths.definitions); });
  return tasks;
}

void Subcommand::add_options(llm::RunOptions& options) const {
  constexpr const char* group = "Options of the run";
  for_each_option(options, [&]<class T>(const char* name, T& field, const char* help) {
    const std::string flag = flag_of(name), no = "--no-" + flag.substr(2);
    const std::string old_name(llm::old_option(name));
    const std::string old_flag = flag_of(old_name);
    if constexpr (std::is_same_v<T, bool>) {  // --FLAG, --FLAG=false and --no-FLAG
      const CLI::Option* option = app_->add_flag(flag + ",!" + no, field, help)->group(group);
      if (old_name.empty()) return;
      const std::string old_no = "--no-" + old_flag.substr(2);
      register_old_flag(app_->add_flag(old_flag, field), option, old_flag, flag);
      register_old_flag(app_->add_flag("!" + old_no, field), option, old_no, no);
    } else if constexpr (llm::NamedEnum<T>) {
      add_choice(flag, field, help, name);
      CLI::Option* option = app_->get_option(flag)->group(group);
      if (old_name.empty()) return;
      add_choice(old_flag, field, "", name);
      register_old_flag(app_->get_option(old_flag), option, old_flag, flag);
    } else {
      add_value(*app_, flag, field, help)->capture_default_str()->group(group);
      if (!old_name.empty()) add_old(old_flag, flag, field);
    }
  });
}

void Subcommand::footer(const char* text) const { app_->footer(text); }

void Subcommand::on_selection(Action& action, Action run) const {
  app_->callback([&action, run = std::move(run)] { action = run; });
}

bool Subcommand::given(const std::string& flag) const { return has(app_->get_option(flag)); }

void Subcommand::require_given(const char* flag) const {
  if (!given(flag)) throw CLI::RequiredError(flag);
}

void Subcommand::take_flags(const llm::RunOptions& flags, llm::RunOptions& options) const {
  llm::for_each_pair(options, flags, [this](const char* name, auto& field, const auto& value) {
    if (given(flag_of(name))) field = value;
  });
  options.lora_target_modules = llm::target_modules(options.lora_target_modules);
}

}  // namespace zofo::cli
