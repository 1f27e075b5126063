/// @file Answers requests that arrive as lines of JSON, each answer a line of JSON in the order of the
/// requests.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/row_source.hpp"

namespace zofo::data {

/// The fields of a request that are not among `known`; they come back in its answer.
nlohmann::json other_fields(const nlohmann::json& fields, std::initializer_list<std::string_view> known);

/// An answer, a JSON object, with further fields. One whose name the answer has with another value, or that
/// is called "error", is called row.NAME, or row.row.NAME where that is a field too.
std::string with_fields(const std::string& answer, const nlohmann::json& fields);

/// {"error": message}, the answer of a request that cannot be answered.
std::string error_answer(std::string_view message);

/// Answers rows in groups. `parse(row)` makes a request of a row, `full(requests)` is true when a group is
/// large enough, and `answer(requests)` returns a line for each, or the same number of lines; the fields that
/// `others(fields)` returns of a row's are added to it (with_fields). A group also ends when the next row has
/// not arrived, so that a client that waits for each answer gets it. A row that cannot be read, or for which
/// parse() throws Error, is answered by
/// {"error": …} in its place. Returns the number of these. `write(line)` gets every answer, `flush()` is
/// called after each group.
template <class Others, class Parse, class Full, class Answer>
std::size_t answer_requests(RowSource& rows, Others&& others, Parse&& parse, Full&& full, Answer&& answer,
                            const std::function<void(const std::string&)>& write,
                            const std::function<void()>& flush) {
  struct Waiting {
    nlohmann::json others = nlohmann::json::object();
    std::optional<std::string> error = {};
  };
  constexpr std::size_t most = 4096;  // bounds the memory of a group of bad lines
  std::vector<Waiting> waiting;
  std::vector<decltype(parse(std::declval<const JsonLine&>()))> requests;
  std::size_t errors = 0;
  const auto answer_group = [&] {
    std::vector<std::string> answers;
    if (!requests.empty()) answers = answer(std::as_const(requests));
    std::size_t next = 0;
    const std::size_t of_each = requests.empty() ? 0 : answers.size() / requests.size();
    for (const Waiting& each : waiting) {
      if (each.error) write(with_fields(error_answer(*each.error), each.others));
      for (std::size_t i = 0; !each.error && i < of_each; ++i)
        write(with_fields(answers[next++], each.others));
    }
    flush();  // a client that sends line by line waits for the answer
    waiting.clear();
    requests.clear();
  };
  while (rows.next()) {
    Waiting& each = waiting.emplace_back();
    try {
      const JsonLine line = rows.row();
      each.others = others(line.fields);
      requests.push_back(parse(line));
    } catch (const Error& error) {
      each.error = error.what();
      ++errors;
    }
    if (waiting.size() >= most || full(std::as_const(requests)) || !rows.ready()) answer_group();
  }
  answer_group();
  return errors;
}

}  // namespace zofo::data
