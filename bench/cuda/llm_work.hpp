/// @file The pieces of work that zofo_bench_llm times, on random weights (values do not change the time).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "zofo/inner/adam.hpp"
#include "zofo/model/cuda/backend.hpp"
#include "zofo/model/cuda/parameters.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/tensor/cuda/vector.hpp"

namespace zofo::bench {

inline constexpr std::array<std::string_view, 7> step_names{
    "forward",   "mezo_step",         "outer_step",  "outer_step_low_rank",
    "lora_step", "probes16_low_rank", "bilevel_step"};

/// What a measurement may change about a model's work.
struct LlmWorkOptions {
  LowRank low_rank{4, 1};
  bool recompute = false;  ///< activations for the backward pass
  std::size_t overlap_below = model::CudaBackendOptions{}.overlap_below;
};

/// Targets a sequence: the last tokens, as an answer to a prompt has.
inline constexpr std::size_t targets_of_a_sequence = 4;

/// A model, two adapters (LoRA of rank 8 on q and v) and a batch of one length; run() does one step. The
/// adapters' loss is the sum of −log P over the targets.
template <class T>
class LlmWork {
 public:
  /// Throws Error if the GPU's memory is short or a sequence is too short for the targets.
  LlmWork(tensor::cuda::Context& context, const model::Config& config, std::size_t batch, std::size_t seq,
          const LlmWorkOptions& options)
      : low_rank_(options.low_rank),
        batch_(batch),
        seq_(seq),
        theta_(context, config),
        transformer_(model::CudaBackend<T>(context, {options.overlap_below}), config, peft::Lora(config, {}),
                     options.recompute),
        p_(context, transformer_.lora().initial(1)),
        s_(context, transformer_.lora().initial(2)) {
    require(seq > targets_of_a_sequence && seq <= config.context, "seq = {}: must be in [{}, {}]", seq,
            targets_of_a_sequence + 1, config.context);
    theta_.fill_random(1, 0.02F);
    plain_ = packed({-1});
    both_ = packed({0, 0});
    adapted_ = packed({0});
    penalty_ = packed({0, 0, 1});
  }

  /// One of step_names.
  void run(std::string_view step) {
    if (step == "forward") forward();
    if (step == "mezo_step") descend(Gaussian{}, plain_);
    if (step == "outer_step") descend(Gaussian{}, penalty_);
    if (step == "outer_step_low_rank") descend(low_rank_, penalty_);
    if (step == "lora_step") lora_step();
    if (step == "probes16_low_rank") probes16();
    if (step == "bilevel_step") bilevel_step();
  }

 private:
  using Vector = tensor::cuda::Vector;

  // −Σ log P of the adapted batch as an objective of p.
  struct Objective {
    LlmWork& work;
    const model::Batch& batch;
    double value_and_gradient(const Vector& p, Vector& gradient) {
      const Vector* const adapter = &p;
      Vector* const to = &gradient;
      return work.transformer_.value_and_gradient(work.theta_, batch, {&adapter, 1}, Cross{}, {&to, 1});
    }
  };
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

  void forward() { transformer_.log_probabilities(theta_, plain_, {}); }

  // Two-sided evaluation of one direction, then the update of θ: MeZO on the plain batch, the outer step of
  // the bilevel algorithm on F(p), G(p) and G(s).
  template <class Distribution>
  void descend(const Distribution& distribution, const model::Batch& batch) {
    const std::array<const Vector*, 2> both{&p_, &s_};
    const std::span<const Vector* const> adapters(both.data(), &batch == &penalty_ ? 2 : 0);
    const Direction d{7, ++step_, 0};
    const std::array<Probe, 2> probes{Probe{d, 1e-3}, Probe{d, -1e-3}};
    const auto l = transformer_.log_probabilities(theta_, distribution, probes, batch, adapters);
    distribution.add(theta_, d, -1e-9 * (l[0][0] - l[1][0]));
  }
  void lora_step() {
    Objective objective{*this, adapted_};
    inner::inner_step(adam_, objective, p_, upper_state_, gradient_);
  }
  // A step of s on G, one of p on F + λG, and the outer step on θ.
  void bilevel_step() {
    Objective lower{*this, adapted_}, upper{*this, both_};
    inner::inner_step(adam_, lower, s_, lower_state_, gradient_);
    inner::inner_step(adam_, upper, p_, upper_state_, gradient_);
    descend(Gaussian{}, penalty_);
  }
  void probes16() {
    ++step_;
    std::vector<Probe> probes;
    for (std::uint32_t query = 0; query < 8; ++query)
      for (const double side : {1e-3, -1e-3}) probes.push_back({Direction{7, step_, query}, side});
    transformer_.log_probabilities(theta_, low_rank_, probes, plain_, {});
  }

  // The batch once for each of these adapters.
  [[nodiscard]] model::Batch packed(std::initializer_list<int> adapters) const {
    model::Batch b;
    std::vector<std::int32_t> row(seq_);
    for (const int adapter : adapters)
      for (std::size_t i = 0; i < batch_; ++i) {
        for (std::size_t t = 0; t < seq_; ++t)
          row[t] = static_cast<std::int32_t>((i * 977 + t * 131 + 7) % theta_.config().vocab);
        const std::uint32_t sequence = b.add(row, adapter);
        for (std::size_t t = seq_ - targets_of_a_sequence; t < seq_; ++t)
          b.targets.push_back({sequence, static_cast<std::uint32_t>(t - 1), row[t]});
      }
    return b;
  }

  LowRank low_rank_;
  std::size_t batch_, seq_;
  model::CudaParameters<T> theta_;
  model::BasicTransformer<model::CudaBackend<T>> transformer_;
  Vector p_, s_;
  inner::Adam adam_{};
  inner::Adam::State<Vector> lower_state_, upper_state_;
  Memory<Vector> gradient_;
  model::Batch plain_, adapted_, both_, penalty_;
  std::uint32_t step_ = 0;
};

}  // namespace zofo::bench
