/// @file Rows that arrive one by one, of a file or of standard input, so that each can be answered.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "zofo/data/jsonl.hpp"
#include "zofo/data/row_table.hpp"
#include "zofo/parse/csv.hpp"
#include "zofo/parse/line_source.hpp"

namespace zofo::data {

/// A source of rows. A row that cannot be read does not end it.
class RowSource {
 public:
  RowSource() = default;
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;
  virtual ~RowSource() = default;

  /// Waits for the next row; false at the end. Throws Error when reading fails.
  virtual bool next() = 0;
  /// The row that next() found. Throws Error "name:line: …" where it is none: broken JSON, or a record with
  /// another number of fields than the header.
  [[nodiscard]] virtual JsonLine row() = 0;
  /// True if next() would return without waiting for more input. Throws Error when reading fails.
  virtual bool ready() = 0;
};

/// JSON objects, one on each line. Blank lines are skipped, but counted. Borrows the lines.
class JsonRows : public RowSource {
 public:
  /// Of a file, or of standard input.
  explicit JsonRows(parse::LineSource& lines) : lines_(lines) {}
  bool next() override;
  [[nodiscard]] JsonLine row() override { return parse_json_line(text_, lines_.name(), number_); }
  bool ready() override { return lines_.ready(); }

 private:
  parse::LineSource& lines_;
  std::string text_;
  std::size_t number_ = 0;
};

/// The records of CSV or tab-separated text, whose values are strings.
class SeparatedRows : public RowSource {
 public:
  /// `name` is for messages. Throws Error for a header that cannot be read or has a name twice.
  SeparatedRows(std::string text, std::string name, RowFormat format);
  bool next() override;
  [[nodiscard]] JsonLine row() override;
  bool ready() override { return true; }

 private:
  std::string text_, name_;
  parse::CsvReader reader_;
  std::vector<std::string> columns_;
  parse::CsvRecord record_;
  std::string error_;  // of the record that next() found
};

/// Opens a file, or standard input ("-"). Without a `format` the ending of the name determines it; standard
/// input then has JSON Lines. Throws Error for a file that cannot be opened.
std::unique_ptr<RowSource> open_rows(const std::string& path, std::optional<RowFormat> format = {});

}  // namespace zofo::data
