/// @file Parses CSV (RFC 4180) and tab-separated text from untrusted sources.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::parse {

/// One record of a file.
struct CsvRecord {
  std::vector<std::string> fields;  ///< without their quotes
  std::size_t line = 0;             ///< where it starts, counted from 1
};

/// All records of a text; `separator` is ',' or a tab. Records end at LF, CRLF or CR; a field in double
/// quotes may contain separators, line ends and doubled quotes. A quote inside a field without quotes is
/// text. A byte order mark and blank lines are skipped. Throws Error "name:line: …" for a quote that is not
/// closed, for text behind a closing quote, for a NUL byte, and for a record with another number of fields
/// than the first.
std::vector<CsvRecord> parse_csv(std::string_view text, const std::string& name, char separator = ',');

}  // namespace zofo::parse
