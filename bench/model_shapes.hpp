/// @file Shapes of known models, by name.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "zofo/model/config.hpp"

namespace zofo::bench {

/// SmolLM2-135M.
inline model::Config smollm2() {
  model::Config c;
  c.vocab = 49152;
  c.width = 576;
  c.layers = 30;
  c.heads = 9;
  c.kv_heads = 3;
  c.head_dim = 64;
  c.ffn = 1536;
  c.context = 8192;
  c.rope_base = 100000.0F;
  return c;
}

/// Llama-2-7B.
inline model::Config llama2_7b() {
  model::Config c;
  c.vocab = 32000;
  c.width = 4096;
  c.layers = 32;
  c.heads = 32;
  c.kv_heads = 32;
  c.head_dim = 128;
  c.ffn = 11008;
  c.context = 4096;
  c.tied = false;
  return c;
}

/// An OPT of this width and depth with heads of 64.
inline model::Config opt(std::uint32_t width, std::uint32_t layers) {
  model::Config c;
  c.family = model::Family::opt;
  c.vocab = 50272;
  c.width = width;
  c.layers = layers;
  c.head_dim = 64;
  c.heads = c.kv_heads = width / c.head_dim;
  c.ffn = 4 * width;
  c.context = 2048;
  return c;
}

inline constexpr std::array<std::string_view, 4> shape_names{"opt-1.3b", "llama2-7b", "smollm2-135m",
                                                             "opt-125m"};

/// The shape of a name. Throws Error that lists the names if there is none.
inline model::Config shape(std::string_view name) {
  if (name == "opt-1.3b") return opt(2048, 24);
  if (name == "llama2-7b") return llama2_7b();
  if (name == "smollm2-135m") return smollm2();
  if (name == "opt-125m") return opt(768, 12);
  fail("shape = '{}': must be opt-1.3b, llama2-7b, smollm2-135m or opt-125m", name);
}

}  // namespace zofo::bench
