/// @file The rows of a user's file: CSV, TSV or JSON Lines, with their columns in the file's order.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/data/jsonl.hpp"

namespace zofo::data {

/// The format of a file of rows.
enum class RowFormat {
  json_lines,  ///< one JSON object on each line
  csv,         ///< comma-separated text with a header
  tsv          ///< tab-separated text with a header
};

/// Endings of the names of files of rows, and their formats.
inline constexpr std::array<std::pair<std::string_view, RowFormat>, 5> row_endings{
    {{".jsonl", RowFormat::json_lines},
     {".csv", RowFormat::csv},
     {".tsv", RowFormat::tsv},
     {".ndjson", RowFormat::json_lines},
     {".json", RowFormat::json_lines}}};

/// The format of a file by the ending of its name, in any case of letters. Throws Error for another ending.
RowFormat row_format(const std::filesystem::path& path);

/// The rows of a file. A column is a field's name, or a path to a field inside an object ("answers.text").
struct RowTable {
  std::string file;                  ///< name, for messages
  std::vector<std::string> columns;  ///< in the order of the header, or of the first appearance
  std::vector<JsonLine> rows;        ///< each row's fields; those of CSV and TSV are strings
  std::vector<std::string> json;     ///< each row as one line of a JSON Lines file
};

/// Reads a file by the ending of its name (row_format). A column without a name in a header gets the name
/// that pandas gives it: "Unnamed: 0" for the first column, with ".1" behind it where that is taken. Throws
/// Error for another ending, and "file:line: …" for a row that cannot be read.
RowTable read_rows(const std::filesystem::path& path);

/// The rows of such a file without the rest of the table, for files whose columns do not matter. Throws Error
/// as read_rows, and for a file without rows.
std::vector<JsonLine> read_row_lines(const std::filesystem::path& path);

}  // namespace zofo::data
