// A user of zofo::cuda, in a project without the language CUDA: links the compiled kernels and the CUDA
// runtime.
#include <cstdio>

#include "zofo/core/error.hpp"
#include "zofo/tensor/cuda/launch_check.hpp"
#include "zofo/tensor/cuda/usable.hpp"

int main() {
  namespace cuda = zofo::tensor::cuda;
  const auto reason = cuda::reason_against(cuda::driver_view(0), 0);
  try {
    cuda::launched("no kernel");  // from the compiled part: throws where there is no driver
  } catch (const zofo::Error& error) {
    if (!reason) throw;
  }
  std::printf("consumer of cuda: GPU 0: %s\n", reason ? reason->c_str() : "can be used");
}
