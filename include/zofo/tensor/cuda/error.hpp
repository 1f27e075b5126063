/// @file CUDA's and cuBLAS's status codes as exceptions.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <source_location>
#include <string_view>

#include "zofo/core/error.hpp"

namespace zofo::tensor::cuda {

/// Throws Error unless `status` is success. The message names the operation (`doing`), CUDA's reason and the
/// source location of the call.
inline void check(cudaError_t status, std::string_view doing,
                  std::source_location where = std::source_location::current()) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // else the next launch would report it
  fail("CUDA: {}: {} ({}) at {}:{}", doing, cudaGetErrorString(status), cudaGetErrorName(status),
       where.file_name(), where.line());
}

/// The same for cuBLAS.
inline void check(cublasStatus_t status, std::string_view doing,
                  std::source_location where = std::source_location::current()) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  cudaGetLastError();
  fail("cuBLAS: {}: {} ({}) at {}:{}", doing, cublasLtGetStatusString(status), cublasLtGetStatusName(status),
       where.file_name(), where.line());
}

}  // namespace zofo::tensor::cuda
