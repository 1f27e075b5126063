/// @file The pieces of work that zofo_bench_cpu times, on random weights of SmolLM2-135M's shape (values do
/// not change the time).
#pragma once

#include <array>
#include <string>
#include <vector>

#include "zofo/model/known_shapes.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"

namespace zofo::bench {

/// A model, two adapters and a batch of one length; each member function does one step of its name.
class CpuWork {
 public:
  CpuWork(std::size_t batch, std::size_t seq)
      : theta_(model::smollm2()),
        transformer_(model::smollm2(), peft::Lora(model::smollm2(), {})),
        batch_(batch),
        seq_(seq) {
    Gaussian{}.add(theta_, Direction{1, 0, 0}, 0.02);
    p_ = transformer_.lora().initial(1);
    s_ = transformer_.lora().initial(2);
    plain_ = packed({-1});
    adapted_ = packed({0});
    penalty_ = packed({0, 0, 1});
  }

  /// The products of a forward's blocks and nothing else, on the model's own weights.
  void sgemm() {
    const std::size_t n = batch_ * seq_;
    x_.resize(n * 3072);
    y_.resize(n * 3072);
    for (std::size_t l = 0; l < 30; ++l) {
      const auto w = model::LayerWeights<float>::of(theta_, l);
      for (const auto& each : {w.qkv, w.o, w.ffn_in, w.down})
        multiply(n, each.in, each.out, each.matrix.data);
    }
  }
  void forward() { transformer_.log_probabilities(theta_, plain_, {}); }
  void lora_step() {
    const Eigen::VectorXf* adapter = &p_;
    Eigen::VectorXf* gradient = &gradient_;
    transformer_.value_and_gradient(theta_, adapted_, {&adapter, 1}, Cross{}, {&gradient, 1});
    p_ -= 1e-4F * gradient_;
  }
  template <class Distribution>
  void mezo_step(const Distribution& distribution) {
    const std::array<Probe, 2> probes = sides();
    const auto l = transformer_.log_probabilities(theta_, distribution, probes, plain_, {});
    distribution.add(theta_, probes[0].direction, -1e-9 * (l[0][0] - l[1][0]));
  }
  template <class Distribution>
  void outer_step(const Distribution& distribution) {
    const std::array<Probe, 2> probes = sides();
    const std::array<const Eigen::VectorXf*, 2> adapters{&p_, &s_};
    const auto l = transformer_.log_probabilities(theta_, distribution, probes, penalty_, adapters);
    distribution.add(theta_, probes[0].direction, -1e-9 * (l[0][0] - l[1][0]));
  }

 private:
  struct Cross {
    double operator()(std::span<const double> log_p, std::span<double> d) const {
      double value = 0.0;
      for (std::size_t i = 0; i < d.size(); ++i) {
        value -= log_p[i];
        d[i] = -1.0;
      }
      return value;
    }
  };

  std::array<Probe, 2> sides() {
    const Direction d{7, ++step_, 0};
    return {Probe{d, 1e-3}, Probe{d, -1e-3}};
  }
  model::Batch packed(const std::vector<int>& adapters) const {
    model::Batch b;
    std::vector<std::int32_t> row(seq_);
    for (const int adapter : adapters)
      for (std::size_t i = 0; i < batch_; ++i) {
        for (std::size_t t = 0; t < seq_; ++t)
          row[t] = static_cast<std::int32_t>((i * 977 + t * 131 + 7) % 49152);
        b.targets.push_back({b.add(row, adapter), static_cast<std::uint32_t>(seq_ - 1), 5});
      }
    return b;
  }
  void multiply(std::size_t n, std::size_t in, std::size_t out, const float* w) {
    using tensor::cpu::view;
    tensor::cpu::gemm_nt(1.0F, view(static_cast<const float*>(x_.data()), n, in), view(w, out, in), 0.0F,
                         view(y_.data(), n, out));
  }

  model::Parameters theta_;
  model::Transformer transformer_;
  std::size_t batch_, seq_;
  Eigen::VectorXf p_, s_, gradient_;
  model::Batch plain_, adapted_, penalty_;
  std::vector<float> x_, y_;
  std::uint32_t step_ = 0;
};

}  // namespace zofo::bench
