// A task definition as inferred, as a file with comments.
#include <string>

#include "zofo/core/error.hpp"
#include "zofo/data/infer_task.hpp"
#include "zofo/parse/toml_text.hpp"

namespace zofo::data {

namespace {

using parse::toml_quoted;

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + toml_quoted(text);
  return "[" + list + "]";
}

std::string label_map(const TaskDraft& draft) {
  std::string text;
  for (const auto& [label, index] : draft.label_map)
    text += fmt::format("{} = {}\n", toml_quoted(label), index);
  return text;
}

std::string prompt(const TaskDraft& draft) {
  std::string text =
      "# What the model reads before the answer: {column} is replaced by the row's text, {{ and }} are "
      "braces.\n";
  text += "prompt = " + toml_quoted(draft.prompt) + "\n";
  for (const auto& [column, reason] : draft.left_out)
    text += fmt::format("# Not in it: {} ({}).\n", toml_quoted(column), reason);
  return text;
}

std::string label_field(const TaskDraft& draft) {
  return fmt::format("label_field = {}\n", toml_quoted(draft.label_column));
}

std::string classification(const TaskDraft& draft) {
  return prompt(draft) +
         "\n# The answer words, one for each class, each with the blank before it. Other words for the same "
         "classes "
         "may\n# score better; `zofo evaluate` shows it before any training.\n"
         "options = " +
         quoted_list(draft.options) +
         "\n\n# The column of the class. [label_map] below: which word each value means, counted from 0.\n" +
         label_field(draft) +
         "\n# metric = 'macro_f1'            # instead of the accuracy, where classes differ much in size\n"
         "# class_weights = 'balanced'     # in training, rare classes count as much as frequent ones\n"
         "# max_prompt_tokens = 512        # longer prompts lose their beginning\n"
         "\n[label_map]\n" +
         label_map(draft);
}

std::string choice(const TaskDraft& draft) {
  std::string text = "kind = 'candidates'   # every row has its own choices\n\n" + prompt(draft) + "\n";
  if (draft.candidates.empty()) {
    text +=
        "# The column with the list of choices.\ncandidates_field = " + toml_quoted(draft.candidates_field) +
        "\n";
  } else {
    std::vector<std::string> templates;
    for (const std::string& column : draft.candidates) templates.push_back("{" + column + "}");
    text += "# The choices, one column each.\ncandidates = " + quoted_list(templates) + "\n";
  }
  text +=
      "# What is scored after the prompt, for each choice; by the mean over its tokens, so that long choices "
      "are not\n# at a disadvantage.\ncontinuation = " +
      toml_quoted(draft.continuation) + "\nscore = 'mean'\n\n";
  if (draft.by_answer)
    return text + "# The column with the text of the right choice.\nanswers_field = " +
           toml_quoted(draft.label_column) + "\n";
  text += "# The column with the right choice.\n" + label_field(draft);
  if (!draft.labels_field.empty())
    return text +
           "# The column with the list of the choices' names, one of which is the label.\nlabels_field = " +
           toml_quoted(draft.labels_field) + "\n";
  if (draft.label_map.empty())
    return text + "# It has an index, counted from 0, or a letter: A is the first.\n";
  return text + "\n# Which choice each value of that column means, counted from 0.\n[label_map]\n" +
         label_map(draft);
}

std::string generation(const TaskDraft& draft) {
  return "kind = 'generate'   # the model generates its answer\n\n" + prompt(draft) +
         "\n# The column with the right answer: a text, or a list of accepted ones.\nanswers_field = " +
         toml_quoted(draft.label_column) +
         "\n# How the answer follows the prompt in training; it ends with `stop`.\ncontinuation = " +
         toml_quoted(draft.continuation) + "\nstop = " + toml_quoted(draft.stop) +
         fmt::format("\nmax_new_tokens = {}   # longest generated answer\n", draft.max_new_tokens) +
         "\n# F1 of the words; or 'exact_match'.\nmetric = 'f1'\n# max_prompt_tokens = 512   # longer "
         "prompts lose "
         "their beginning\n";
}

}  // namespace

std::string task_toml(const TaskDraft& draft) {
  const std::string head = "# Made by `zofo task init`; docs/guide/own-task.md explains all keys.\nname = " +
                           toml_quoted(draft.name) + "\n";
  if (draft.kind == Kind::text)
    return head +
           "\n# Rows of free text, read by the fields that they have; the loss is that of the answers' "
           "tokens.\n"
           "kind = 'text'\n# max_length = 1024   # longer rows are cut to so many tokens\n";
  if (draft.kind == Kind::choice) return head + "\n" + classification(draft);
  return head + (draft.kind == Kind::candidates ? choice(draft) : generation(draft));
}

}  // namespace zofo::data
