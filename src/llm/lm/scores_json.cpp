#include "zofo/lm/scores_json.hpp"

#include <nlohmann/json.hpp>

namespace zofo::llm {

nlohmann::json score_fields(const Scores& scores) {
  nlohmann::json fields = {{"accuracy", scores.accuracy},
                           {"macro_f1", scores.macro_f1},
                           {"loss", scores.loss},
                           {"rows", scores.examples}};
  if (scores.answers)
    fields.update({{"exact_match", scores.answers->exact_match}, {"f1", scores.answers->f1}});
  if (scores.answer_tokens > 0)
    fields.update({{"perplexity", scores.perplexity()}, {"answer_tokens", scores.answer_tokens}});
  return fields;
}

Scores scores_from(const checkpoint::JsonFields& fields) {
  Scores scores{checkpoint::number_or_nan(fields, "accuracy"), checkpoint::number_or_nan(fields, "macro_f1"),
                checkpoint::number_or_nan(fields, "loss"), fields.integer("rows")};
  if (fields.has("f1")) scores.answers = {fields.number("exact_match"), fields.number("f1")};
  if (fields.has("answer_tokens")) scores.answer_tokens = fields.integer("answer_tokens");
  return scores;
}

}  // namespace zofo::llm
