/// @file Shapes of known models, by name: those that the measurements of docs/results/performance.md are on.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "zofo/model/config.hpp"

namespace zofo::model {

/// SmolLM2-135M.
inline Config smollm2() {
  Config c;
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

/// A LLaMA of this width and depth with heads of 128 and no groups.
inline Config llama(std::uint32_t width, std::uint32_t layers, std::uint32_t ffn) {
  Config c;
  c.vocab = 32000;
  c.width = width;
  c.layers = layers;
  c.head_dim = 128;
  c.heads = c.kv_heads = width / c.head_dim;
  c.ffn = ffn;
  c.context = 4096;
  c.tied = false;
  return c;
}

/// An OPT of this width and depth with heads of 64.
inline Config opt(std::uint32_t width, std::uint32_t layers) {
  Config c = opt_parts();
  c.vocab = 50272;
  c.width = width;
  c.layers = layers;
  c.head_dim = 64;
  c.heads = c.kv_heads = width / c.head_dim;
  c.ffn = 4 * width;
  c.context = 2048;
  return c;
}

/// The names of the known shapes.
inline constexpr std::array<std::string_view, 6> shape_names{"opt-1.3b", "llama2-7b",  "smollm2-135m",
                                                             "opt-125m", "llama2-13b", "llama-33b"};

/// The shape of a name. Throws Error that lists the names if there is none.
inline Config known_shape(std::string_view name) {
  if (name == "opt-1.3b") return opt(2048, 24);
  if (name == "llama2-7b") return llama(4096, 32, 11008);
  if (name == "llama2-13b") return llama(5120, 40, 13824);
  if (name == "llama-33b") return llama(6656, 60, 17920);
  if (name == "smollm2-135m") return smollm2();
  if (name == "opt-125m") return opt(768, 12);
  fail("shape = '{}': must be opt-1.3b, llama2-7b, smollm2-135m, opt-125m, llama2-13b or llama-33b", name);
}

}  // namespace zofo::model
