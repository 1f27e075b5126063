/// @file The rows of a run as token ids: what it trains on, decides by and is scored on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "zofo/checkpoint/hash.hpp"
#include "zofo/config/make_adapter.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/run/fingerprint.hpp"
#include "zofo/runtime/make_policies.hpp"
#include "zofo/train/memory_bounds.hpp"
#include "zofo/train/split.hpp"

namespace zofo::llm {

/// A task's rows, cut as the options' method needs them.
struct RunRows {
  Split split;
  std::vector<EncodedRow> held_out;
  const data::Task* task;  ///< borrowed

  /// Throws Error naming the file and line of a row that does not fit the model.
  RunRows(const Model& model, const data::TaskData& data, const Options& o)
      : split(split_rows(o.method,
                         encode_rows(RowEncoder(model, data.task, Purpose::training, data.demonstrations,
                                                taken_by(model, o)),
                                     data.train, o.train_rows, "train.jsonl"),
                         o.seed, o.patience > 0)),
        held_out(encode_rows(
            RowEncoder(model, data.task, Purpose::scoring, data.demonstrations, taken_by(model, o)),
            data.validation, o.validation_rows, "validation.jsonl")),
        task(&data.task) {}

  /// Held-out rows of a learning-curve point.
  [[nodiscard]] std::span<const EncodedRow> of_curve(const Options& o) const {
    return std::span(held_out).first(std::min<std::size_t>(held_out.size(), o.curve_rows));
  }
  /// Largest sizes of a row with the adapter.
  [[nodiscard]] RowExtent extent(const peft::Adapter& adapter) const {
    RowExtent extent;
    for (const std::vector<EncodedRow>* rows : {&split.upper, &split.lower, &split.decision, &held_out})
      extent.cover(*rows);
    return extent.after(peft::virtual_tokens(adapter), peft::kind(adapter) == peft::Kind::prompt);
  }
  /// Rows of the largest passes of rows as large as `extent`, which `fill` tokens fill.
  [[nodiscard]] PassRows pass_rows(const Options& o, const RowExtent& extent, std::size_t fill) const {
    const std::size_t f = std::min<std::size_t>(o.batch, split.upper.size());
    const std::size_t g = std::min<std::size_t>(o.batch, split.lower.size());
    PassRows rows;
    if (trains(o) == Trains::adapter) rows.gradient = g;
    if (trains(o) == Trains::adapter_by_estimates) return rows;  // a pass is no larger than one of scoring
    if (trains(o) == Trains::backbone) rows.probed = f;
    if (trains(o) == Trains::both_levels) {
      rows.probed = f + 2 * g;
      rows.gradient = rows_of_joint_pass(f + g, f + 2 * g, extent, fill);
    }
    if (rows.probed > 0) take_probes(o, rows);
    return rows;
  }

 private:
  static std::uint32_t taken_by(const Model& model, const Options& o) {
    return peft::virtual_tokens(make_adapter(model.parameters.config(), o));
  }
};

/// What a run is of: fields by name, for its saved state.
inline nlohmann::json identity(const model::Parameters& theta_0, const RunRows& rows) {
  std::string training;
  for (const auto* part : {&rows.split.decision, &rows.split.upper, &rows.split.lower})
    training += hash_of_rows(*part);
  return {{"model", hash_of_model(theta_0)},
          {"training rows", checkpoint::hash_text(checkpoint::Hash64().update(training).value())},
          {"validation rows", hash_of_rows(rows.held_out)}};
}

}  // namespace zofo::llm
