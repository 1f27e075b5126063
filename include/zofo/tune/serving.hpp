/// @file The model of a run: its backbone, its adapters, and what of them could be served.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "zofo/model/transformer.hpp"
#include "zofo/tune/early_stopping.hpp"
#include "zofo/tune/evaluate.hpp"
#include "zofo/tune/method_result.hpp"
#include "zofo/tune/policies.hpp"
#include "zofo/tune/run_rows.hpp"

namespace zofo::tune {

/// θ where the device can move it, the adapters p and s beside it, and for zeroth-order steps on an adapter
/// that adapter on the CPU. Borrows the device, the model, the options and the rows.
template <class Device>
class Serving {
 public:
  using Backend = typename Device::Backend;
  using Theta = typename Backend::Theta;
  using Vector = typename Backend::Vector;

  /// The memory of the whole run is planned before any of it is taken. Throws Error where it is short.
  Serving(Device& device, model::Parameters& theta, const Options& options, const RunRows& rows)
      : device_(device),
        options_(options),
        rows_(rows),
        lora_(make_lora(theta.config(), options.lora_rank, options.lora_alpha, options.lora_targets)),
        theta_(place(theta)),
        transformer_(device.backend(), theta.config(), lora_, options.recompute),
        moved_(lora_.initial(options.seed)),
        p_(device.vector(moved_)),
        s_(p_) {}

  [[nodiscard]] Theta& theta() { return theta_; }
  [[nodiscard]] const Theta& theta() const { return theta_; }
  [[nodiscard]] Vector& p() { return p_; }
  [[nodiscard]] Vector& s() { return s_; }
  [[nodiscard]] Eigen::VectorXf& moved() { return moved_; }
  [[nodiscard]] model::BasicTransformer<Backend>& transformer() { return transformer_; }

  /// Scores θ with an adapter, or alone if it is null.
  Scores score(const Vector* adapter, std::span<const EncodedRow> rows) {
    return evaluate(transformer_, theta_, adapter, rows, rows_.words);
  }
  /// The same with an adapter from the CPU; alone if it is empty.
  Scores score(const Eigen::VectorXf& adapter, std::span<const EncodedRow> rows) {
    if (adapter.size() == 0) return score(nullptr, rows);
    const Vector placed = device_.vector(adapter);
    return score(&placed, rows);
  }
  /// Scores what the learning curve shows: of both levels (θ, p).
  Scores score_now(std::span<const EncodedRow> rows) {
    return score(trains(options_) == Trains::both_levels ? &p_ : only(), rows);
  }

  /// What is served after `steps` steps: of both levels (θ, p) or (θ, s), whichever has the lower loss on the
  /// rows of D_f that no step saw. `judge`: say the loss where there is nothing to choose, too.
  Candidate candidate(std::uint32_t steps, bool judge) {
    Candidate c;
    c.steps = steps;
    const Vector* adapter = only();
    if (trains(options_) == Trains::both_levels) {
      c.upper_loss = score(&p_, rows_.split.decision).loss;
      c.lower_loss = score(&s_, rows_.split.decision).loss;
      const bool upper = c.upper_loss <= c.lower_loss;
      c.what = upper ? "upper" : "lower";
      c.loss = upper ? c.upper_loss : c.lower_loss;
      adapter = upper ? &p_ : &s_;
    } else {
      c.what = adapter == nullptr ? "backbone" : "lower";
      if (judge) c.loss = score(adapter, rows_.split.decision).loss;
    }
    if (adapter != nullptr) c.adapter = device_.host(*adapter);
    return c;
  }

 private:
  // The one adapter of a method of one level; null for the backbone alone.
  const Vector* only() {
    if (trains(options_) == Trains::backbone) return nullptr;
    if (trains(options_) == Trains::adapter_by_estimates) s_ = device_.vector(moved_);
    return &s_;
  }
  Theta& place(model::Parameters& theta) {
    device_.expect(theta.config(), lora_, rows_.extent(), rows_.pass_rows(options_), options_.recompute);
    return device_.place(theta);
  }

  Device& device_;
  const Options& options_;
  const RunRows& rows_;
  peft::Lora lora_;
  Theta& theta_;
  model::BasicTransformer<Backend> transformer_;
  Eigen::VectorXf moved_;
  Vector p_, s_;
};

}  // namespace zofo::tune
