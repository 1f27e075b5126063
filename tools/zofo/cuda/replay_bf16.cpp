// Replaying on a GPU in bf16.
#include "../device.hpp"
#include "../replay.hpp"
#include "zofo/train/cuda/device.hpp"

namespace zofo::cli {

template <>
int on_cuda_bf16(const Replay& command) {
  tensor::cuda::Context::Options options;
  options.deterministic = command.options.deterministic;
  llm::CudaDevice<tensor::cuda::bf16> device(options);
  return command.on(device);
}

}  // namespace zofo::cli
