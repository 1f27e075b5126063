#include "zofo/data/task_definition.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "task_folder.hpp"
#include "task_table.hpp"
#include "text_forms.hpp"
#include "zofo/core/error.hpp"
#include "zofo/data/text_rows.hpp"
#include "zofo/parse/toml.hpp"

namespace zofo::data {

namespace {

using detail::TaskTable;

constexpr std::array<std::string_view, 27> task_keys{"name",
                                                     "kind",
                                                     "prompt",
                                                     "options",
                                                     "label_field",
                                                     "label_map",
                                                     "labels_field",
                                                     "one_hot_fields",
                                                     "class_weights",
                                                     "max_prompt_tokens",
                                                     "score",
                                                     "loss",
                                                     "metric",
                                                     "candidates",
                                                     "candidates_field",
                                                     "answers_field",
                                                     "continuation",
                                                     "gap",
                                                     "values",
                                                     "replace",
                                                     "neutral",
                                                     "separator",
                                                     "stop",
                                                     "max_new_tokens",
                                                     "answer_rule",
                                                     "max_length",
                                                     "templates"};
constexpr std::array<std::string_view, 6> variant_keys{"name",         "prompt",  "options",
                                                       "continuation", "neutral", "separator"};

// A key without meaning for the kind is an error.
void refuse_keys(const TaskTable& toml, std::string_view kind, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys)
    if (toml.has(key))
      fail("{}:{}: {}: has no meaning for kind \"{}\"", toml.file(), toml.at(key).source().begin.line, key,
           kind);
}

void refuse_foreign_keys(const TaskTable& toml, Kind kind) {
  if (kind == Kind::choice)
    refuse_keys(toml, "choice",
                {"candidates", "candidates_field", "labels_field", "continuation", "answers_field",
                 "answer_rule", "stop", "max_new_tokens"});
  else if (kind == Kind::candidates)
    refuse_keys(toml, "candidates", {"options", "one_hot_fields", "stop", "max_new_tokens"});
  else
    refuse_keys(toml, "generate",
                {"options", "candidates", "candidates_field", "label_field", "label_map", "labels_field",
                 "one_hot_fields", "class_weights", "neutral"});
}

// The tables inside a task file.
void read_tables(const TaskTable& toml, Task& task) {
  if (toml.has("gap")) {
    static constexpr std::array<std::string_view, 2> keys{"field", "mark"};
    const TaskTable gap(toml.file(), toml.table("gap", "field and mark"), keys, "gap.");
    task.gap = Gap{gap.string("field"), gap.string("mark")};
  }
  if (toml.has("replace")) task.replace = toml.words("replace");
  if (!toml.has("values")) return;
  const toml::table& fields = toml.table("values", "field = table of value = text");
  std::vector<std::string_view> names;
  for (const auto& [field, node] : fields) names.push_back(field.str());
  const TaskTable values(toml.file(), fields, names, "values.");
  for (const std::string_view field : names) task.values[std::string(field)] = values.words(field);
}

// Moves blanks at the end of a choice task's prompt to its choices, because tokens begin with a blank. The
// other kinds do the same for each example, whose answers are texts of its own.
void move_blanks_to_choices(Task& task) {
  const std::string& text = task.prompt.text();
  const std::size_t end = text.find_last_not_of(' ') + 1;
  if (task.kind != Kind::choice || end == text.size()) return;
  for (std::string& choice : task.choices) {
    task.two_blanks = task.two_blanks || choice.starts_with(' ');
    choice.insert(0, text.substr(end));
  }
  task.prompt = Template(text.substr(0, end));
}

// Without a map, a label is an option's text, its index from 0 or its letter from A. Throws Error where one
// label would mean two options.
std::map<std::string, int> usual_labels(const TaskTable& toml, const std::vector<std::string>& choices) {
  std::map<std::string, int> map;
  const auto add = [&](const std::string& label, std::size_t index) {
    const auto [at, added] = map.emplace(label, static_cast<int>(index));
    require(added || at->second == static_cast<int>(index),
            "{}: label_map: must be given: the label '{}' could mean '{}' or '{}'", toml.file(), label,
            choices[static_cast<std::size_t>(at->second)], choices[index]);
  };
  constexpr std::size_t letters = 26;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    add(std::string(detail::trimmed(choices[i])), i);
    add(fmt::format("{}", i), i);
    if (choices.size() > letters) continue;
    add(std::string(1, static_cast<char>('A' + i)), i);
    add(std::string(1, static_cast<char>('a' + i)), i);
  }
  return map;
}

// Which fields hold the label, what it means, and how much its class counts.
void read_labels(const TaskTable& toml, Task& task) {
  if (toml.has("class_weights")) {
    task.class_weights.balanced = toml.at("class_weights").is_string();
    if (!task.class_weights.balanced)
      task.class_weights.values = toml.numbers("class_weights");
    else
      toml.word_or<bool>("class_weights", true, {{"balanced", true}});
  }
  if (toml.has("one_hot_fields")) task.one_hot_fields = toml.string_or_strings("one_hot_fields");
  const bool needed = task.kind == Kind::choice || (!task.candidates.empty() && task.answers_field.empty());
  if (toml.has("label_field") || (needed && task.one_hot_fields.empty())) {
    const std::vector<std::string> fields = toml.string_or_strings("label_field");
    task.label_field = fields.front();
    task.more_label_fields.assign(fields.begin() + 1, fields.end());
  }
  if (toml.has("label_map")) {
    require(task.labels_field.empty(),
            "{}: label_map: labels_field gives the meaning of a label: only one can be given", toml.file());
    task.label_map = toml.indices("label_map");
    require(!task.label_map.empty(), "{}: label_map: must not be empty", toml.file());
  } else if (task.kind == Kind::choice && task.one_hot_fields.empty()) {
    task.label_map = usual_labels(toml, task.choices);
  }
}

// A task of free text: the rows themselves determine how they are read.
Task read_text(const TaskTable& toml, std::string default_name) {
  for (const std::string_view key : task_keys)
    if (key != "name" && key != "kind" && key != "max_length") refuse_keys(toml, "text", {key});
  return text_definition(toml.string_or("name", std::move(default_name)), toml.count_or("max_length", 0));
}

// Everything except the further templates.
Task read_base(const TaskTable& toml, std::string default_name) {
  using enum Metric;
  const Kind kind = toml.word_or<Kind>("kind", Kind::choice,
                                       {{"choice", Kind::choice},
                                        {"candidates", Kind::candidates},
                                        {"generate", Kind::generate},
                                        {"text", Kind::text}});
  if (kind == Kind::text) return read_text(toml, std::move(default_name));
  require(!toml.has("max_length"), "{}: max_length: only for kind \"text\"", toml.file());
  refuse_foreign_keys(toml, kind);
  std::string name = toml.string_or("name", std::move(default_name));
  Template prompt = toml.text("prompt");
  std::vector<std::string> choices =
      kind == Kind::choice ? toml.strings("options") : std::vector<std::string>{};
  const std::size_t most = toml.count_or("max_prompt_tokens", 0);
  Task task{.name = std::move(name),
            .prompt = std::move(prompt),
            .choices = std::move(choices),
            .label_field = {},
            .label_map = {},
            .max_prompt_tokens = most};
  task.kind = kind;
  const bool generated = kind == Kind::generate;
  task.score = toml.word_or<Score>("score", Score::sum, {{"sum", Score::sum}, {"mean", Score::mean}});
  task.loss = toml.word_or<Loss>("loss", generated ? Loss::answer : Loss::choices,
                                 {{"options", Loss::choices}, {"answer", Loss::answer}});
  task.metric = toml.word_or<Metric>("metric", generated ? f1 : accuracy,
                                     {{"accuracy", accuracy},
                                      {"macro_f1", macro_f1},
                                      {"balanced_accuracy", balanced_accuracy},
                                      {"exact_match", exact_match},
                                      {"f1", f1}});
  task.answer_rule = toml.word_or<AnswerRule>("answer_rule", AnswerRule::squad,
                                              {{"squad", AnswerRule::squad}, {"drop", AnswerRule::drop}});
  if (toml.has("candidates")) task.candidates = toml.texts("candidates");
  task.candidates_field = toml.string_or("candidates_field", "");
  task.answers_field = toml.string_or("answers_field", "");
  task.labels_field = toml.string_or("labels_field", "");
  read_labels(toml, task);
  task.continuation = toml.optional_text("continuation");
  task.neutral = toml.optional_text("neutral");
  task.separator = toml.string_or("separator", task.separator);
  task.stop = toml.string_or("stop", task.stop);
  task.max_new_tokens = toml.count_or("max_new_tokens", task.max_new_tokens);
  read_tables(toml, task);
  return task;
}

// The task under one of its `[[templates]]`.
Task read_variant(const TaskTable& toml, Task task) {
  task.template_name = toml.string("name");
  task.prompt = toml.text("prompt");
  require(task.kind == Kind::choice || !toml.has("options"),
          "{}: template '{}': options: only for kind \"choice\"", toml.file(), task.template_name);
  require(task.kind != Kind::choice || !toml.has("continuation"),
          "{}: template '{}': continuation: not for kind \"choice\"", toml.file(), task.template_name);
  if (toml.has("options")) task.choices = toml.strings("options");
  if (toml.has("continuation")) task.continuation = toml.text("continuation");
  task.neutral = toml.optional_text("neutral");  // that of another wording does not match
  task.separator = toml.string_or("separator", task.separator);
  return task;
}

// All templates of a task file, checked; the one of the top-level keys comes first.
std::vector<Task> read_templates(const TaskTable& toml, std::string default_name) {
  std::vector<Task> tasks{read_base(toml, std::move(default_name))};
  tasks.front().check(toml.file());
  if (!toml.has("templates")) {
    move_blanks_to_choices(tasks.front());
    return tasks;
  }
  const toml::array* array = toml.at("templates").as_array();
  require(array != nullptr, "{}: templates: must be a list of tables ([[templates]])", toml.file());
  std::vector<std::string> names{"default"};
  for (const toml::node& node : *array) {
    const std::string where = fmt::format("templates[{}]", tasks.size() - 1);
    require(node.is_table(), "{}: {}: must be a table", toml.file(), where);
    Task made =
        read_variant(TaskTable(toml.file(), *node.as_table(), variant_keys, where + "."), tasks.front());
    require(std::find(names.begin(), names.end(), made.template_name) == names.end(),
            "{}: {}: the name '{}' is used twice", toml.file(), where, made.template_name);
    made.check(fmt::format("{}: template '{}'", toml.file(), made.template_name));
    names.push_back(made.template_name);
    tasks.push_back(std::move(made));
  }
  for (Task& task : tasks) {
    task.template_names = names;
    move_blanks_to_choices(task);
  }
  return tasks;
}

}  // namespace

Task Task::load(const std::filesystem::path& path, const std::string& template_name) {
  require(std::filesystem::is_regular_file(path), "{}: no such file", path.string());
  return parse(zofo::parse::read_file(path), path, template_name);
}

Task Task::parse(const std::string& text, const std::filesystem::path& path,
                 const std::string& template_name) {
  const std::string file = path.string();
  const toml::table table = zofo::parse::parse_toml(text, file);
  std::vector<Task> tasks = read_templates(TaskTable(file, table, task_keys), detail::folder_name(path));
  for (Task& task : tasks)
    if (template_name.empty() || task.template_name == template_name) return std::move(task);
  fail("{}: template '{}': must be one of {}", file, template_name, fmt::join(tasks[0].template_names, ", "));
}

}  // namespace zofo::data
