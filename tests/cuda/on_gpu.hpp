/// @file A transformer of golden values on the GPU.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "../peft/mixed.hpp"
#include "zofo/model/cuda/backend.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/peft/adapter.hpp"

namespace zofo::model {

/// The weights of a golden case, adapters, and a transformer that both are for.
template <class T>
struct OnGpu {
  OnGpu(const golden::Case& c, const peft::Adapters& layouts, const std::vector<Eigen::VectorXf>& given,
        bool recompute)
      : theta(context, c.theta), transformer(CudaBackend<T>(context), c.shape, layouts, recompute) {
    for (const auto& v : given) values.emplace_back(context, v);
    for (const auto& v : values) adapters.push_back(&v);
  }
  explicit OnGpu(const golden::Case& c, bool recompute = false) : OnGpu(c, c.lora, c.values, recompute) {}
  explicit OnGpu(const golden::Mixed& m, bool recompute = false)
      : OnGpu(m.c, peft::Adapters(m.layouts), m.values, recompute) {}

  tensor::cuda::Context context;
  CudaParameters<T> theta;
  BasicTransformer<CudaBackend<T>> transformer;
  std::vector<tensor::cuda::Vector> values;
  std::vector<const tensor::cuda::Vector*> adapters;
};

}  // namespace zofo::model
