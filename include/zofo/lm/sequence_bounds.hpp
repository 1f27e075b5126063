/// @file The memory that generation needs: its key/value cache and its longest prefill.
#pragma once

#include <cstddef>

#include "zofo/model/kv_cache.hpp"

namespace zofo::llm {

/// Bounds of sequences that are generated with a cache. Nothing is generated where the cache has no
/// sequences.
struct SequenceBounds {
  model::CacheCapacity cache = {};  ///< of keys and values
  std::size_t prompt_tokens = 0;    ///< of the longest prefill pass
};

}  // namespace zofo::llm
