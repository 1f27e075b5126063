// Replaying on a GPU in fp32.
#include "../device.hpp"
#include "../replay.hpp"
#include "zofo/train/cuda/device.hpp"

namespace zofo::cli {

template <>
int on_cuda_fp32(const Replay& command) {
  tensor::cuda::Context::Options options;
  options.deterministic = command.options.deterministic;
  llm::CudaDevice<float> device(options);
  return command.on(device);
}

}  // namespace zofo::cli
