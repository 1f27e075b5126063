/// @file CUDA's and cuBLAS's status codes as exceptions.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <string_view>

#include "zofo/core/error.hpp"

namespace zofo::tensor::cuda {

/// Throws Error that says what was being done and what CUDA answered, unless that was success.
inline void check(cudaError_t status, std::string_view doing) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // else the next launch would be blamed for it
  fail("CUDA: {}: {} ({})", doing, cudaGetErrorString(status), cudaGetErrorName(status));
}

/// The same for cuBLAS.
inline void check(cublasStatus_t status, std::string_view doing) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  cudaGetLastError();
  fail("cuBLAS: {}: {} ({})", doing, cublasLtGetStatusString(status), cublasLtGetStatusName(status));
}

}  // namespace zofo::tensor::cuda
