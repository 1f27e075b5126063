// zofo task: makes task folders. `zofo task init` makes one from a file of rows.
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli.hpp"
#include "zofo/checkpoint/atomic_folder.hpp"
#include "zofo/compare/command_line.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/data/infer_task.hpp"
#include "zofo/data/row_table.hpp"
#include "zofo/data/split_rows.hpp"

namespace zofo::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  fs::path rows, validation, test;
  std::string label, kind;
  fs::path out;
  bool force = false;
  std::uint64_t seed = 0;
};

struct File {
  const char* name;
  std::string text;
  std::size_t rows = 0;
};

constexpr std::array<std::pair<std::string_view, data::Kind>, 4> kinds{
    {{"classification", data::Kind::choice},
     {"choice", data::Kind::candidates},
     {"generation", data::Kind::generate},
     {"text", data::Kind::text}}};

std::string_view name_of(data::Kind kind) {
  for (const auto& [name, each] : kinds)
    if (each == kind) return name;
  return "";
}

std::optional<data::Kind> kind_of(const std::string& name) {
  if (name.empty()) return {};
  for (const auto& [each, kind] : kinds)
    if (each == name) return kind;
  fail(
      "--kind {}: must be classification (the same classes for every row), choice (every row has its own "
      "choices), generation (free text that is compared with answers) or text (conversations and other text "
      "to learn)",
      name);
}

// The folder, without a slash at its end: "rows/my file.csv" gives "my file".
fs::path folder_of(const Arguments& arguments) {
  fs::path folder = arguments.out.empty() ? arguments.rows.stem() : arguments.out;
  if (!folder.has_filename()) folder = folder.parent_path();
  return folder;
}

File file_of(const char* name, const data::RowTable& table, const std::vector<std::size_t>& chosen) {
  File file{name, {}, chosen.size()};
  for (const std::size_t i : chosen) file.text += table.json[i] + "\n";
  return file;
}

File file_of(const char* name, const data::RowTable& table) {
  std::vector<std::size_t> all(table.rows.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return file_of(name, table, all);
}

// Every row becomes an example, so that training meets no error that could be reported now.
void check_rows(const data::Task& task, const data::RowTable& table) {
  for (const data::JsonLine& row : table.rows) (void)task.example(row);
}

std::vector<File> make_files(const Arguments& arguments, const data::TaskDraft& draft, const data::Task& task,
                             const data::RowTable& table) {
  check_rows(task, table);
  const bool own_validation = !arguments.validation.empty(), own_test = !arguments.test.empty();
  std::vector<File> files;
  if (own_validation) {
    files.push_back(file_of("train.jsonl", table));
  } else {
    constexpr std::size_t least = 10;
    require(table.rows.size() >= least,
            "{}: {} rows: at least {} are needed to split them; --validation names a second file", table.file,
            table.rows.size(), least);
    std::vector<std::string> classes;
    for (const data::JsonLine& row : table.rows) classes.push_back(data::class_of(draft, row));
    const data::SplitRows split = data::split_rows(classes, !own_test, arguments.seed);
    require(!split.validation.empty(),
            "{}: no class has three rows, so none can be for validation; --validation names a second file",
            table.file);
    files.push_back(file_of("train.jsonl", table, split.train));
    files.push_back(file_of("validation.jsonl", table, split.validation));
    if (!split.test.empty()) files.push_back(file_of("test.jsonl", table, split.test));
  }
  for (const auto& [name, path] :
       {std::pair{"validation.jsonl", arguments.validation}, std::pair{"test.jsonl", arguments.test}}) {
    if (path.empty()) continue;
    const data::RowTable other = data::read_rows(path);
    require(!other.rows.empty(), "{}: no rows", other.file);
    check_rows(task, other);
    files.push_back(file_of(name, other));
  }
  return files;
}

void write_files(const fs::path& folder, const std::vector<File>& files, bool force) {
  const bool exists = fs::exists(fs::symlink_status(folder));
  require(!exists || force,
          "{}: already exists; --force replaces its task.toml, train.jsonl, validation.jsonl and test.jsonl",
          folder.string());
  if (exists) {
    require(fs::is_directory(folder), "{}: is no folder", folder.string());
    for (const File& file : files) write_atomically(folder / file.name, file.text);
    // An older file of test rows could share rows with the new training file.
    const bool has_test = std::string_view(files.back().name) == "test.jsonl";
    if (!has_test) fs::remove(folder / "test.jsonl");
    return;
  }
  checkpoint::AtomicFolder made(folder);
  for (const File& file : files) write_atomically(made.part() / file.name, file.text);
  made.commit();
}

void report(const Arguments& arguments, const fs::path& folder, const data::TaskDraft& draft,
            const std::vector<File>& files) {
  if (draft.kind == data::Kind::text) {
    write_out("{}: text: {}\n", folder.string(), draft.why);
  } else {
    write_out("{}: {}, label '{}' ({})\n", folder.string(), name_of(draft.kind), draft.label_column,
              draft.why);
    write_out("prompt: {}\n", fmt::join(draft.prompt_columns, ", "));
  }
  for (const auto& [column, reason] : draft.left_out)
    write_out("not in the prompt: {} ({})\n", column, reason);
  for (std::size_t i = 0; i < draft.options.size(); ++i)
    write_out("class '{}': answer word '{}'\n", draft.label_map[i].first, draft.options[i]);
  std::string counts;
  for (const File& file : files)
    if (file.rows > 0) counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", file.name, file.rows);
  write_out("rows: {}{}\n", counts,
            arguments.validation.empty() ? fmt::format(" (seed {})", arguments.seed) : "");
  for (const std::string& note : draft.notes) write_out("note: {}\n", note);
  const std::string task = compare::shell_quoted(folder.string());
  const std::string run = compare::shell_quoted("runs/" + draft.name);
  write_out("\nCheck {}/task.toml, then (MODEL: a GGUF file or a Hugging Face folder):\n", folder.string());
  write_out("  zofo evaluate --model MODEL --task {}\n", task);
  write_out("  zofo finetune --model MODEL --task {} --method lora --max-seconds 150 --out {}\n", task, run);
  const bool has_test = std::string_view(files.back().name) == "test.jsonl";
  write_out("  zofo evaluate --model MODEL --task {} --run {}{}\n", task, run,
            has_test ? " --split test" : "");
}

int init(const Arguments& arguments) {
  const std::optional<data::Kind> kind = kind_of(arguments.kind);
  const fs::path folder = folder_of(arguments);
  const data::RowTable table = data::read_rows(arguments.rows);
  require(!table.rows.empty(), "{}: a header but no rows", table.file);
  data::TaskDraft draft = data::infer_task(table, {arguments.label, kind});
  draft.name = fs::absolute(folder).lexically_normal().filename().string();
  std::string toml = data::task_toml(draft);
  const data::Task task = data::Task::parse(toml, folder / "task.toml");
  std::vector<File> files = make_files(arguments, draft, task, table);
  files.insert(files.begin(), {"task.toml", std::move(toml)});
  write_files(folder, files, arguments.force);
  report(arguments, folder, draft, files);
  return 0;
}

}  // namespace

void add_task(CLI::App& app, Action& action) {
  const Subcommand group(app, "task", "Make a task folder from a file of rows");
  const Subcommand command(group, "init", "Make a task folder from a CSV, TSV or JSON Lines file");
  auto arguments = std::make_shared<Arguments>();
  command.add("ROWS", arguments->rows, "file with the rows: .csv, .tsv or .jsonl").required();
  command.add("--label", arguments->label,
              "column with the label or the answer; default: by its name, or the only one with few values");
  command.add(
      "--kind", arguments->kind,
      "classification (the same classes for every row), choice (every row has its own choices), "
      "generation (free text that is compared with answers) or text (conversations, completions and other "
      "text to learn); default: inferred");
  command.add("--out", arguments->out, "new folder of the task; default: the file's name without its ending");
  command.add("--validation", arguments->validation,
              "file with the validation rows; default: a tenth of ROWS, of each class");
  command.add("--test", arguments->test,
              "file with the test rows; default: another tenth of ROWS, unless --validation is given");
  command.add("--seed", arguments->seed, "seed of the split").show_default();
  command.add("--force", arguments->force, "overwrite the task's files in an existing folder");
  command.footer("Example: zofo task init reviews.csv --label sentiment --out reviews");
  command.on_selection(action, [arguments] { return init(*arguments); });
  group.footer("Example: zofo task init reviews.csv");
}

}  // namespace zofo::cli
