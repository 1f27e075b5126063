/// @file Token ids of a text.
#pragma once

#include <cstdint>
#include <vector>

namespace zofo::llm {

/// Token ids of a text.
using Tokens = std::vector<std::int32_t>;

}  // namespace zofo::llm
