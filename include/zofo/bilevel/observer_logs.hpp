/// @file Observers that write one line a step: JSON lines and CSV.
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
  struct Field {
    std::string name;
    std::string number;  ///< its shortest decimals that read back to the bit; empty if it is not finite
    std::string plain;   ///< the same, where infinities have a name: "inf", "-inf", empty for NaN
  };
  /// Appends a number. Throws Error when the name is there already, or needs escaping in JSON or CSV.
  template <class T>
  requires std::integral<T> || std::floating_point<T>
  void add(std::string_view name, T value) {
    constexpr std::string_view not_plain = "\"\\,;";
    bool plain = !name.empty() && name.find_first_of(not_plain) == std::string_view::npos;
    for (const char c : name) plain = plain && static_cast<unsigned char>(c) >= 0x20;
    require(plain, "log: column '{}': must be a name without quotes, commas and control characters", name);
    for (const Field& field : fields_)
      require(field.name != name, "log: column '{}': is there already", name);
    if constexpr (std::floating_point<T>) {
      const double number = static_cast<double>(value);
      fields_.push_back({std::string(name), std::isfinite(number) ? fmt::format("{}", value) : "",
                         std::isnan(number) ? "" : fmt::format("{}", value)});
    } else {
      const std::string text = fmt::format("{}", value);
      fields_.push_back({std::string(name), text, text});
    }
  }
  [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

/// Adds the user's columns to a step's row: seconds, a test error, counters.
using LogColumns = std::function<void(const StepReport&, LogRow&)>;

/// What a log writes of a step: step, upper, lower_p, lower_s, rho, inner_s, inner_p, then `extra`'s columns.
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

/// A row as a JSON object; a number that is not finite is null, as JSON has none.
[[nodiscard]] inline std::string json_line(const LogRow& row) {
  std::string line = "{";
  for (const LogRow::Field& field : row.fields())
    line += fmt::format("{}\"{}\":{}", line.size() > 1 ? "," : "", field.name,
                        field.number.empty() ? "null" : field.number);
  return line + "}";
}

/// Writes each step as a line of JSON, flushed; lines are appended to those of an earlier run. Numbers do not
/// depend on the locale and read back to the bit; NaN and infinities are null. Throws Error when the disk
/// refuses a line, or another process writes the file.
class JsonlLog {
 public:
  explicit JsonlLog(std::filesystem::path path, LogColumns extra = {})
      : file_(std::move(path)), extra_(std::move(extra)) {}
  bool operator()(const StepReport& report) {
    file_.line(json_line(log_row(report, extra_)));
    return true;
  }

 private:
  AppendFile file_;
  LogColumns extra_;
};

/// The same as comma-separated values, with a line of column names where the file is empty; a NaN is an empty
/// cell. Throws Error also when a step has other columns than the step before.
class CsvLog {
 public:
  explicit CsvLog(std::filesystem::path path, LogColumns extra = {})
      : file_(std::move(path)), extra_(std::move(extra)) {
    std::error_code error;
    has_header_ = std::filesystem::file_size(file_.path(), error) > 0 && !error;
  }
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
