// Training and adapting on a GPU in fp32.
#include "../adapt.hpp"
#include "../device.hpp"
#include "../train.hpp"
#include "zofo/train/cuda/device.hpp"

namespace zofo::cli {

template <>
int on_cuda_fp32(const Train& command) {
  tensor::cuda::Context::Options options;
  options.deterministic = command.options.deterministic;
  llm::CudaDevice<float> device(options);
  return command.on(device);
}
template <>
int on_cuda_fp32(const Adapt& command) {
  llm::CudaDevice<float> device;
  return command.on(device);
}

}  // namespace zofo::cli
