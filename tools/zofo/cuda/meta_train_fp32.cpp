// Meta-training and adaptation on a card in fp32.
#include "../adapt.hpp"
#include "../device.hpp"
#include "../meta_train.hpp"
#include "zofo/train/cuda/device.hpp"

namespace zofo::cli {

template <>
int on_cuda_fp32(const MetaTrain& command) {
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
