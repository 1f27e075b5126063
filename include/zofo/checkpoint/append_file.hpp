/// @file A file that grows line by line (core/append_file.hpp) under this module's name.
#pragma once

#include "zofo/core/append_file.hpp"

namespace zofo::checkpoint {

using zofo::AppendFile;

}  // namespace zofo::checkpoint
