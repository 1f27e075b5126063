/// @file Main of the CUDA tests. Without a usable GPU it runs those that need none ([no-gpu]) and exits with
/// code 77, which tells ctest that the others were skipped.
#define CATCH_CONFIG_RUNNER
#include "catch.hpp"
//
#include <cstdio>

#include "zofo/tensor/cuda/context.hpp"

int main(int argc, char** argv) {
  Catch::Session session;
  if (const int status = session.applyCommandLine(argc, argv); status != 0) return status;
  const auto reason = zofo::tensor::cuda::Context::unusable(0);
  if (reason) session.configData().testsOrTags = {"[no-gpu]"};
  // Catch2 returns the number of failures, which may happen to be 77.
  if (session.run() != 0) return 1;
  if (!reason) return 0;
  std::printf("skipped: no usable GPU: %s\n", reason->c_str());
  return 77;
}
