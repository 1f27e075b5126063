/// @file Infers a task definition from the rows of a file.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/data/row_table.hpp"
#include "zofo/data/task_definition.hpp"

namespace zofo::data {

/// What the user fixes; the rest is inferred.
struct InferOptions {
  std::string label = {};         ///< column of the label; empty: inferred
  std::optional<Kind> kind = {};  ///< empty: inferred
};

/// A task definition as inferred, before it is written.
struct TaskDraft {
  Kind kind = Kind::choice;                                        ///< classification, choice or generation
  std::string name = {};                                           ///< of the task
  std::string label_column = {};                                   ///< column of the label or answer
  std::string why = {};                                            ///< why this column
  std::vector<std::string> prompt_columns = {};                    ///< columns that the prompt shows
  std::vector<std::pair<std::string, std::string>> left_out = {};  ///< other columns, and why
  std::string prompt = {};                                         ///< template
  std::string continuation = {};                                   ///< template; kinds candidates, generate
  std::vector<std::string> options = {};                           ///< kind choice: the answer words
  std::vector<std::pair<std::string, int>> label_map = {};         ///< label → option or candidate
  std::map<std::string, std::size_t> counts = {};                  ///< kind choice: rows of each class
  std::vector<std::string> candidates = {};                        ///< columns with one candidate each
  std::string candidates_field = {};                               ///< column with a list of the candidates
  std::string labels_field = {};                                   ///< column with a list of their labels
  bool by_answer = false;               ///< kind candidates: the label column has the right text
  std::string stop = "\n";              ///< kind generate
  std::size_t max_new_tokens = 32;      ///< kind generate
  std::vector<std::string> notes = {};  ///< remarks for the user
};

/// Infers the label's column (by its name, or as the only one with few distinct values), the kind, the prompt
/// and the answer words. Throws Error naming the file, and the line or the columns, for what cannot be
/// inferred, for an unknown column, and for rows that do not fit `options`.
TaskDraft infer_task(const RowTable& table, const InferOptions& options);

/// The class of a row: its label in one spelling (plain_label); "" for kinds without classes. Throws Error
/// naming the line of a row without label.
std::string class_of(const TaskDraft& draft, const JsonLine& row);

/// The draft as a `task.toml` with comments.
std::string task_toml(const TaskDraft& draft);

}  // namespace zofo::data
