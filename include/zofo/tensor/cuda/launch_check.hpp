/// @file The check that follows every kernel launch.
#pragma once

namespace zofo::tensor::cuda {

/// Throws zofo::Error naming `kernel` and CUDA's reason if the launch before it was refused. It does not wait
/// for the kernel: an error inside one shows at the next synchronisation.
void launched(const char* kernel);

}  // namespace zofo::tensor::cuda
