/// @file The steps of the inference of a task.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "columns.hpp"
#include "zofo/data/infer_task.hpp"
#include "zofo/data/row_table.hpp"

namespace zofo::data::detail {

/// Whether the name is that of a number or key of the rows ("id", "idx", "question_id").
bool is_identifier(const Column& column);

/// Whether the values can be classes: few, short, and each of them on average twice.
bool can_be_classes(const Column& column);

/// The column with the label, and why. Throws Error if it cannot be inferred, or `given` is no column.
std::pair<const Column*, std::string> label_column(const RowTable& table, const std::vector<Column>& columns,
                                                   const std::string& given);

/// Sets the candidates of a draft with a label column: a column of lists, or one column for each, such that
/// the label of every row means one of them in one way. Returns false if there are none. Throws Error if the
/// labels could mean candidates in two ways.
bool find_candidates(const RowTable& table, const std::vector<Column>& columns, TaskDraft& draft);

}  // namespace zofo::data::detail
