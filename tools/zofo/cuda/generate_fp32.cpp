// Writing on a GPU in fp32.
#include "../device.hpp"
#include "../generate.hpp"
#include "zofo/train/cuda/device.hpp"

namespace zofo::cli {

template <>
int on_cuda_fp32(const Generate& command) {
  llm::CudaDevice<float> device;
  return command.on(device);
}

}  // namespace zofo::cli
