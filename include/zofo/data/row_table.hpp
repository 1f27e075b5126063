/// @file The rows of a user's file: CSV, TSV or JSON Lines, with their columns in the file's order.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "zofo/data/jsonl.hpp"

namespace zofo::data {

/// The rows of a file. A column is a field's name, or a path to a field inside an object ("answers.text").
struct RowTable {
  std::string file;                  ///< name, for messages
  std::vector<std::string> columns;  ///< in the order of the header, or of the first appearance
  std::vector<JsonLine> rows;        ///< each row's fields; those of CSV and TSV are strings
  std::vector<std::string> json;     ///< each row as one line of a JSON Lines file
};

/// Reads a file by the ending of its name: .csv, .tsv, or .jsonl, .ndjson and .json (JSON Lines). Throws
/// Error for another ending, and "file:line: …" for a row that cannot be read.
RowTable read_rows(const std::filesystem::path& path);

}  // namespace zofo::data
