/// @file The memory that generation needs: its cache and its longest pass.
#pragma once

#include <cstddef>

#include "zofo/model/kv_cache.hpp"

namespace zofo::llm {

/// Texts that are written with a cache; nothing where it has no sequences.
struct SequenceBounds {
  model::CacheCapacity cache = {};
  std::size_t prompt_tokens = 0;  ///< of the longest pass that reads prompts
};

}  // namespace zofo::llm
