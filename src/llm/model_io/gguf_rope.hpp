/// @file Rotary positions in a GGUF file.
#pragma once

#include <string>
#include <vector>

#include "gguf_keys.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/model/config.hpp"

namespace zofo::llm::detail {

/// Reads the base, the scaling and the rotated entries of heads; a factor without a type is linear, as in
/// llama.cpp. Needs head_dim and context. Throws Error naming file, key and what is allowed.
void read_gguf_rope(const GgufKeys& keys, model::Config& c);

/// Writes the keys that read_gguf_rope reads.
void write_gguf_rope(checkpoint::GgufWriter& file, const std::string& prefix, const model::Config& c);

/// A tensor of divisors of the frequencies, which GGUF files have next to the weights.
struct RopeFactors {
  const char* name;           ///< of the tensor
  std::vector<float> values;  ///< one for each rotated pair
};

/// The tensors of factors of a shape: none, that of Llama 3's scaling, or those of LongRoPE.
std::vector<RopeFactors> rope_factors(const model::Config& c);

}  // namespace zofo::llm::detail
