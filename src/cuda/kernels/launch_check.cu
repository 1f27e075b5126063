/// @file The one definition of launched(), compiled with the kernels.
#include "zofo/tensor/cuda/launch_check.hpp"

#include <cuda_runtime_api.h>

#include <string>

#include "zofo/core/error_type.hpp"

namespace zofo::tensor::cuda {

void launched(const char* kernel, std::source_location where) {
  const cudaError_t status = cudaGetLastError();
  if (status == cudaSuccess) return;
  throw Error(std::string("CUDA: launching ") + kernel + ": " + cudaGetErrorString(status) + " (" +
              cudaGetErrorName(status) + ") at " + where.file_name() + ":" + std::to_string(where.line()));
}

}  // namespace zofo::tensor::cuda
