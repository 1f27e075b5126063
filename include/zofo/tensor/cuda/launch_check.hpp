/// @file The check that follows every kernel launch.
#pragma once

#include <source_location>

namespace zofo::tensor::cuda {

/// Throws zofo::Error if the launch before it was refused. The message names `kernel`, CUDA's reason and the
/// source line of the call. It does not wait for the kernel: an error inside one shows at the next
/// synchronisation.
void launched(const char* kernel, std::source_location where = std::source_location::current());

}  // namespace zofo::tensor::cuda
