/// @file The lines of metrics.jsonl in other formats: scalars for TensorBoard, rows of a CSV file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/run/event_records.hpp"

namespace zofo::llm {

/// The numbers of a line under TensorBoard's names, such as "train/upper" and "held_out/loss"
/// (docs/guide/following-a-run.md lists them). `tasks` are the names of the run's tasks, for the numbers of
/// each.
[[nodiscard]] std::vector<Scalar> scalars_of(const nlohmann::json& line, std::span<const std::string> tasks);

/// The outer steps after which a line was written: that of a step's own line is one more than its number.
[[nodiscard]] std::uint64_t steps_of(const nlohmann::json& line);

/// The columns of metrics.csv (RFC 4180, lines end in LF): all fields that a line may have, and where a run
/// has several tasks the loss and the balanced accuracy of each.
class MetricsTable {
 public:
  /// For a run of these tasks; `of_tasks`: its lines have the numbers of each.
  MetricsTable(bool of_tasks, std::span<const std::string> tasks);
  /// The names of the columns, without a line end.
  [[nodiscard]] std::string header() const;
  /// A line of metrics.jsonl as a row without a line end. What the line does not have, or is not finite, is
  /// empty.
  [[nodiscard]] std::string row(const nlohmann::json& line) const;
  /// Header and rows of a whole metrics.jsonl, each with a line end. Throws Error for a line that is not
  /// JSON.
  [[nodiscard]] std::string text(std::string_view metrics) const;

 private:
  struct Column {
    std::string name;        // in the header
    std::string field;       // of the line
    std::ptrdiff_t at = -1;  // position in the field's list; negative: the field is no list
  };
  std::vector<Column> columns_;
};

}  // namespace zofo::llm
