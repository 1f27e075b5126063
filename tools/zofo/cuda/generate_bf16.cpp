// Writing on a GPU in bf16.
#include "../device.hpp"
#include "../generate.hpp"
#include "zofo/train/cuda/device.hpp"

namespace zofo::cli {

template <>
int on_cuda_bf16(const Generate& command) {
  llm::CudaDevice<tensor::cuda::bf16> device;
  return command.on(device);
}

}  // namespace zofo::cli
