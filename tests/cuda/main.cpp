/// @file Main of the CUDA tests: without a usable GPU they are skipped, which exit code 77 tells ctest.
#define CATCH_CONFIG_RUNNER
#include "catch.hpp"
//
#include <cuda_runtime_api.h>

#include <cstdio>

int main(int argc, char** argv) {
  int cards = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&cards); status != cudaSuccess || cards == 0) {
    std::printf("skipped: no usable GPU: %s\n", cudaGetErrorString(status));
    return 77;
  }
  // Catch2 returns the number of failures, which may happen to be 77.
  return Catch::Session().run(argc, argv) == 0 ? 0 : 1;
}
