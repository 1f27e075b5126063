#include "zofo/lm/decoder_options.hpp"

#include "zofo/core/error.hpp"

namespace zofo::llm {

void DecoderOptions::check() const {
  require(sequences <= 1U << 16U, "generation: sequences = {}: must be in [0, {}]", sequences, 1U << 16U);
}

}  // namespace zofo::llm
