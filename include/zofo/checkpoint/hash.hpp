/// @file A 64-bit checksum of bytes (core/hash.hpp) under this module's name.
#pragma once

#include "zofo/core/hash.hpp"

namespace zofo::checkpoint {

using zofo::Hash64;
using zofo::hash_text;

}  // namespace zofo::checkpoint
