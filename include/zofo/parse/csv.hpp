/// @file Parses CSV (RFC 4180) and tab-separated text from untrusted sources.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zofo::parse {

/// One record of a file.
struct CsvRecord {
  std::vector<std::string> fields;  ///< without their quotes
  std::size_t line = 0;             ///< where it starts, counted from 1
};

/// Reads the records of a text one by one. Records end at LF, CRLF or CR; a field in double quotes may
/// contain separators, line ends and doubled quotes. A quote inside a field without quotes is text. A byte
/// order mark and blank lines are skipped. Borrows the text.
class CsvReader {
 public:
  /// `separator` is ',' or a tab; `name` is for messages.
  CsvReader(std::string_view text, std::string name, char separator);

  /// Reads the next record; false at the end. Throws Error "name:line: …" for a quote that is not closed, for
  /// text behind a closing quote, for a NUL byte, and for a record with another number of fields than the
  /// first; the next call continues with the line after it.
  bool next(CsvRecord& record);

  /// Where the latest record, read or refused, starts; counted from 1.
  [[nodiscard]] std::size_t line() const { return start_; }

 private:
  bool take(char c);
  bool end_of_line();
  void skip_line();
  std::string field();
  std::string quoted();

  std::string_view text_;
  std::string name_;
  char separator_;
  std::size_t at_ = 0;
  std::size_t line_ = 1, start_ = 0;
  std::size_t header_fields_ = 0, header_line_ = 0;
};

/// All records of a text (CsvReader). Throws Error as CsvReader::next.
std::vector<CsvRecord> parse_csv(std::string_view text, const std::string& name, char separator = ',');

}  // namespace zofo::parse
