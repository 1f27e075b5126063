#include "zofo/lm/greedy_options.hpp"

#include "zofo/core/error.hpp"

namespace zofo::llm {

void GreedyOptions::check() const {
  require(sequences <= 1U << 16U, "greedy: sequences = {}: must be in [0, {}]", sequences, 1U << 16U);
}

}  // namespace zofo::llm
