/// @file Metrics as fields of JSON objects.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/lm/scores.hpp"

namespace zofo::llm {

/// The scores as a run's files record them; with `exact_match` and `f1` where answers were compared,
/// and `perplexity` and `answer_tokens` where the loss is a mean over tokens.
nlohmann::json score_fields(const Scores& scores);

/// Reads the scores from such fields. Throws Error naming a field that is missing.
Scores scores_from(const checkpoint::JsonFields& fields);

}  // namespace zofo::llm
