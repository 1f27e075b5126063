#include "zofo/lm/sampling_options.hpp"

#include "zofo/core/error.hpp"

namespace zofo::llm {

void SamplingOptions::check() const {
  // The smallest and the largest keep quotients of logits finite in fp32.
  require(temperature == 0.0 || (temperature >= 1e-6 && temperature <= 1e6),
          "temperature = {}: must be 0 (the most probable token) or in [1e-6, 1e6]", temperature);
  require(top_p >= 0.0 && top_p <= 1.0, "top_p = {}: must be in [0, 1]", top_p);
  require(min_p >= 0.0 && min_p <= 1.0, "min_p = {}: must be in [0, 1]", min_p);
  require(repetition_penalty >= 1e-6 && repetition_penalty <= 1e6,
          "repetition_penalty = {}: must be in [1e-6, 1e6]", repetition_penalty);
  if (temperature > 0.0) return;
  constexpr const char* no_effect = "{} = {}: has no effect at temperature 0: set temperature above 0";
  require(top_k == 0, no_effect, "top_k", top_k);
  require(top_p == 1.0, no_effect, "top_p", top_p);
  require(min_p == 0.0, no_effect, "min_p", min_p);
}

}  // namespace zofo::llm
