// Meta-training and adaptation on a card in fp32.
#include "../adapt.hpp"
#include "../device.hpp"
#include "../meta_train.hpp"
#include "zofo/tune/cuda/device.hpp"

namespace zofo::cli {

template <>
int on_cuda_fp32(const MetaTrain& command) {
  tensor::cuda::Context::Options options;
  options.deterministic = command.options.deterministic;
  tune::CudaDevice<float> device(options);
  return command.on(device);
}
template <>
int on_cuda_fp32(const Adapt& command) {
  tune::CudaDevice<float> device;
  return command.on(device);
}

}  // namespace zofo::cli
