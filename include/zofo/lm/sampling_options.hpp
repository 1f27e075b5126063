/// @file Which of a model's next tokens a generated text takes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zofo::llm {

/// How a token is chosen by the logits. Names and meaning are those of GenerationConfig of transformers,
/// except that temperature 0 is greedy decoding and top_k is off by default.
struct SamplingOptions {
  double temperature = 0.0;  ///< logits are divided by it; 0: the most probable token
  std::size_t top_k = 0;     ///< the k most probable tokens, and those as probable as the last; 0: off
  double top_p = 1.0;        ///< the most probable tokens that together exceed this probability; 1: off
  double min_p = 0.0;        ///< tokens at least this fraction as probable as the best; 0: off
  double repetition_penalty = 1.0;  ///< above 1: tokens of the prompt and the text are less probable; 1: off
  std::uint64_t seed = 0;           ///< of the random numbers

  /// Whether every token is the one with the highest logit.
  [[nodiscard]] bool takes_best() const { return temperature == 0.0 && repetition_penalty == 1.0; }
  /// Throws Error naming the field out of range, or a filter that has no effect at temperature 0.
  void check() const;
};

}  // namespace zofo::llm
