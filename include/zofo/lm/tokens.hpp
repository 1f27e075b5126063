/// @file Token ids of a sequence.
#pragma once

#include <cstdint>
#include <vector>

namespace zofo::llm {

/// Token ids of a sequence.
using Tokens = std::vector<std::int32_t>;

}  // namespace zofo::llm
