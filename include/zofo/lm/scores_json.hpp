/// @file Figures of merit as fields of JSON objects.
#pragma once

#include <nlohmann/json.hpp>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/run_state.hpp"
#include "zofo/lm/evaluate.hpp"

namespace zofo::llm {

/// What a run's files say of scores; `exact_match` and `f1` where answers were compared.
inline nlohmann::json score_fields(const Scores& scores) {
  nlohmann::json fields = {{"accuracy", scores.accuracy},
                           {"macro_f1", scores.macro_f1},
                           {"loss", scores.loss},
                           {"rows", scores.rows}};
  if (scores.answers)
    fields.update({{"exact_match", scores.answers->exact_match}, {"f1", scores.answers->f1}});
  return fields;
}

/// Those fields back. Throws Error naming one that is missing.
inline Scores scores_from(const checkpoint::JsonFields& fields) {
  Scores scores{checkpoint::number_or_nan(fields, "accuracy"), checkpoint::number_or_nan(fields, "macro_f1"),
                checkpoint::number_or_nan(fields, "loss"), fields.integer("rows")};
  if (fields.has("f1")) scores.answers = {fields.number("exact_match"), fields.number("f1")};
  return scores;
}

}  // namespace zofo::llm
