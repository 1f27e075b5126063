// Training and adapting on a GPU in bf16.
#include "../adapt.hpp"
#include "../device.hpp"
#include "../train.hpp"
#include "zofo/train/cuda/device.hpp"

namespace zofo::cli {

template <>
int on_cuda_bf16(const Train& command) {
  tensor::cuda::Context::Options options;
  options.deterministic = command.options.deterministic;
  llm::CudaDevice<tensor::cuda::bf16> device(options);
  return command.on(device);
}
template <>
int on_cuda_bf16(const Adapt& command) {
  llm::CudaDevice<tensor::cuda::bf16> device;
  return command.on(device);
}

}  // namespace zofo::cli
