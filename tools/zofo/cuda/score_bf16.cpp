// Evaluating and scoring on a GPU in bf16.
#include "../device.hpp"
#include "../evaluate.hpp"
#include "../score.hpp"
#include "zofo/train/cuda/device.hpp"

namespace zofo::cli {

template <>
int on_cuda_bf16(const Evaluate& command) {
  llm::CudaDevice<tensor::cuda::bf16> device;
  return command.on(device);
}
template <>
int on_cuda_bf16(const Score& command) {
  llm::CudaDevice<tensor::cuda::bf16> device;
  return command.on(device);
}

}  // namespace zofo::cli
