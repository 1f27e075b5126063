/// @file A file that appears whole or not at all (core/atomic_file.hpp) under this module's name.
#pragma once

#include "zofo/core/atomic_file.hpp"

namespace zofo::checkpoint {

using zofo::AtomicFile;
using zofo::write_atomically;

}  // namespace zofo::checkpoint
