/// @file The check that follows every kernel launch.
#pragma once

#include <source_location>

namespace zofo::tensor::cuda {

/// Throws zofo::Error if the preceding launch failed. The message names `kernel`, CUDA's reason and the
/// source location of the call. It does not wait for the kernel: the next synchronisation reports errors
/// inside it.
void launched(const char* kernel, std::source_location where = std::source_location::current());

}  // namespace zofo::tensor::cuda
