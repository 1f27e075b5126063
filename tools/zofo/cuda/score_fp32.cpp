// Evaluating and scoring on a GPU in fp32.
#include "../device.hpp"
#include "../evaluate.hpp"
#include "../score.hpp"
#include "zofo/train/cuda/device.hpp"

namespace zofo::cli {

template <>
int on_cuda_fp32(const Evaluate& command) {
  llm::CudaDevice<float> device;
  return command.on(device);
}
template <>
int on_cuda_fp32(const Score& command) {
  llm::CudaDevice<float> device;
  return command.on(device);
}

}  // namespace zofo::cli
