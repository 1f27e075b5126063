/// @file Rows of CSV and tab-separated text: the columns' names, and a record as a row.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "zofo/data/jsonl.hpp"
#include "zofo/data/row_table.hpp"
#include "zofo/parse/csv.hpp"

namespace zofo::data::detail {

/// The largest file of CSV or tab-separated text, which is read as a whole.
inline constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 32;

/// The separator of a format that is not JSON Lines.
inline char separator(RowFormat format) { return format == RowFormat::tsv ? '\t' : ','; }

/// The columns' names; those without one get pandas' ("Unnamed: 0"). Throws Error for a name that occurs
/// twice.
std::vector<std::string> column_names(const parse::CsvRecord& header, const std::string& file);

/// A record as an object of strings. Throws Error "file:line: …" for invalid UTF-8.
JsonLine row_of(const std::vector<std::string>& columns, const parse::CsvRecord& record,
                const std::string& file);

}  // namespace zofo::data::detail
