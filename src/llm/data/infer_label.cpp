// Which column of a table has the label.
#include <algorithm>
#include <array>
#include <string_view>

#include "infer_parts.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/nearest_name.hpp"

namespace zofo::data::detail {

namespace {

// Names of labels and answers (bare_name), the most certain first.
constexpr std::array<std::string_view, 48> label_names{
    "label",         "labels",        "goldlabel", "gold",        "labelid",      "class",
    "classes",       "category",      "target",    "targets",     "sentiment",    "polarity",
    "emotion",       "intent",        "topic",     "stance",      "verdict",      "rating",
    "stars",         "answerkey",     "answeridx", "answerindex", "correctindex", "correctoption",
    "correctanswer", "correctchoice", "correct",   "cop",         "answer",       "answers",
    "output",        "outputs",       "response",  "completion",  "summary",      "reply",
    "translation",   "highlights",    "chosen",    "y",           "isspam",       "spam",
    "istoxic",       "toxic",         "ishate",    "isduplicate", "score",        "type"};

// The certainty of a column's name, 0 the most; the number of names for any other.
std::size_t rank(const Column& column) {
  const auto at = [](std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(label_names, bare_name(name)) - label_names.begin());
  };
  // "answers.text": the object's name counts too, for texts in it.
  const std::size_t dot = column.name.find('.');
  const bool inner = dot != std::string::npos && column.numbers == 0 && column.rows > 0;
  return std::min(at(column.name),
                  inner ? at(std::string_view(column.name).substr(0, dot)) : label_names.size());
}

std::vector<std::string> names_of(const std::vector<const Column*>& columns) {
  std::vector<std::string> names;
  for (const Column* column : columns) names.push_back(column->name);
  return names;
}

}  // namespace

bool is_identifier(const Column& column) {
  const std::string bare = bare_name(column.name);
  static constexpr std::array<std::string_view, 12> names{
      "", "id", "idx", "index", "guid", "uuid", "qid", "key", "unnamed:0", "rowid", "number", "url"};
  return std::ranges::find(names, bare) != names.end() || column.name.ends_with("_id") ||
         column.name.ends_with("_idx") || column.name.ends_with("Id") || column.name.ends_with("ID");
}

bool can_be_classes(const Column& column) {
  constexpr std::size_t most = 100, longest = 60;
  const std::size_t classes = column.counts.size();
  return !column.many && column.any_lists == 0 && classes >= 2 && classes <= most &&
         column.longest <= longest && column.rows >= 2 * classes;
}

std::pair<const Column*, std::string> label_column(const RowTable& table, const std::vector<Column>& columns,
                                                   const std::string& given) {
  if (!given.empty()) {
    for (const Column& column : columns)
      if (column.name == given) return {&column, "given by --label"};
    fail("{}: no column '{}'{}; the columns are {}", table.file, given,
         parse::did_you_mean(given, table.columns), quoted_names(table.columns));
  }
  const Column* named = nullptr;
  for (const Column& column : columns)
    if (column.rows > 0 && rank(column) < (named == nullptr ? label_names.size() : rank(*named)))
      named = &column;
  if (named != nullptr) return {named, "its name"};
  std::vector<const Column*> few;
  constexpr std::size_t most = 20, longest = 40;
  for (const Column& column : columns)
    if (can_be_classes(column) && column.counts.size() <= most && column.longest <= longest &&
        column.rows == table.rows.size() && !is_identifier(column))
      few.push_back(&column);
  require(few.size() <= 1, "{}: which column is the label? {} have few different values: --label names one",
          table.file, quoted_names(names_of(few)));
  require(!few.empty(),
          "{}: which column is the label? None has a usual name (label, answer, target, sentiment, …) or few "
          "different values; the columns are {}: --label names one",
          table.file, quoted_names(table.columns));
  return {few.front(),
          fmt::format("the only column with few different values ({})", few.front()->counts.size())};
}

}  // namespace zofo::data::detail
