/// @file Observers that write one line per step: JSON lines and CSV.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "zofo/core/append_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/report.hpp"

namespace zofo {

/// The named numbers of one line of a log.
class LogRow {
 public:
  /// A column's name and its number as text.
  struct Field {
    std::string name;    ///< name of the column
    std::string number;  ///< shortest decimals that read back to the same bits; empty if it is not finite
    std::string plain;   ///< as `number`, but "inf" and "-inf" for infinities; empty for NaN
  };
  /// Appends a number. Throws Error when the row already has the name, or the name needs escaping in JSON or
  /// CSV.
  template <class T>
    requires std::integral<T> || std::floating_point<T>
  void add(std::string_view name, T value) {
    constexpr std::string_view not_plain = "\"\\,;";
    bool plain = !name.empty() && name.find_first_of(not_plain) == std::string_view::npos;
    for (const char c : name) plain = plain && static_cast<unsigned char>(c) >= 0x20;
    require(plain, "log: column '{}': must be a name without quotes, commas and control characters", name);
    for (const Field& field : fields_) require(field.name != name, "log: column '{}': exists already", name);
    if constexpr (std::floating_point<T>) {
      const double number = static_cast<double>(value);
      fields_.push_back({std::string(name), std::isfinite(number) ? fmt::format("{}", value) : "",
                         std::isnan(number) ? "" : fmt::format("{}", value)});
    } else {
      const std::string text = fmt::format("{}", value);
      fields_.push_back({std::string(name), text, text});
    }
  }
  /// All fields, in the order of add().
  [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

/// Adds the user's columns to a step's row: seconds, a test error, counters.
using LogColumns = std::function<void(const StepReport&, LogRow&)>;

/// The columns of a step: step, upper, lower_p, lower_s, rho, inner_s, inner_p, then those of `extra`.
[[nodiscard]] inline LogRow log_row(const StepReport& report, const LogColumns& extra = {}) {
  LogRow row;
  row.add("step", report.step);
  row.add("upper", report.upper);
  row.add("lower_p", report.lower_p);
  row.add("lower_s", report.lower_s);
  row.add("rho", report.projected_gradient);
  row.add("inner_s", report.inner_value_s);
  row.add("inner_p", report.inner_value_p);
  if (extra) extra(report, row);
  return row;
}

/// A row as a JSON object. A number that is not finite becomes null, because JSON cannot represent it.
[[nodiscard]] inline std::string json_line(const LogRow& row) {
  std::string line = "{";
  for (const LogRow::Field& field : row.fields())
    line += fmt::format("{}\"{}\":{}", line.size() > 1 ? "," : "", field.name,
                        field.number.empty() ? "null" : field.number);
  return line + "}";
}

/// Observer that writes each step as one line of JSON and flushes it. It appends to an existing file. Numbers
/// do not depend on the locale and read back to the same bits; NaN and infinities are null.
class JsonlLog {
 public:
  /// Opens `path` for appending; `extra` adds columns. Throws Error when the file cannot be opened or another
  /// process writes it.
  explicit JsonlLog(std::filesystem::path path, LogColumns extra = {})
      : file_(std::move(path)), extra_(std::move(extra)) {}
  /// Writes a line; always true. Throws Error when the disk refuses it.
  bool operator()(const StepReport& report) {
    file_.line(json_line(log_row(report, extra_)));
    return true;
  }

 private:
  AppendFile file_;
  LogColumns extra_;
};

/// Observer that writes each step as comma-separated values, after a line of column names if the file is
/// empty. A NaN is an empty cell. It flushes and appends like JsonlLog.
class CsvLog {
 public:
  /// Opens `path` for appending; `extra` adds columns. Throws Error when the file cannot be opened or another
  /// process writes it.
  explicit CsvLog(std::filesystem::path path, LogColumns extra = {})
      : file_(std::move(path)), extra_(std::move(extra)) {
    std::error_code error;
    has_header_ = std::filesystem::file_size(file_.path(), error) > 0 && !error;
  }
  /// Writes a line; always true. Throws Error when the disk refuses it, or when the columns differ from those
  /// of the step before.
  bool operator()(const StepReport& report) {
    const LogRow row = log_row(report, extra_);
    std::string names, numbers;
    for (const LogRow::Field& field : row.fields()) {
      if (!names.empty()) names += ',', numbers += ',';
      names += field.name;
      numbers += field.plain;
    }
    if (columns_.empty()) {
      columns_ = names;
      if (!has_header_) file_.line(names);
    }
    require(names == columns_, "{}: step {} has the columns {}: must have {}", file_.path().string(),
            report.step, names, columns_);
    file_.line(numbers);
    return true;
  }

 private:
  AppendFile file_;
  LogColumns extra_;
  std::string columns_;
  bool has_header_ = false;
};

}  // namespace zofo
