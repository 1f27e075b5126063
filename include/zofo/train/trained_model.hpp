/// @file The model of a run: its backbone, its adapters, and what of them could be served.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "zofo/model/initial_adapter.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/config/make_adapter.hpp"
#include "zofo/train/early_stopping.hpp"
#include "zofo/lm/evaluate_task.hpp"
#include "zofo/runtime/make_policies.hpp"
#include "zofo/train/run_data.hpp"
#include "zofo/run/selected_model_file.hpp"

namespace zofo::llm {

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
        layout_(make_adapter(theta.config(), options)),
        theta_(place(theta)),
        transformer_(device.backend(), theta.config(), layout_, options.recompute),
        moved_(model::initial_adapter(transformer_, theta_, layout_, options.seed)),
        p_(device.vector(moved_)),
        s_(p_) {}

  [[nodiscard]] const peft::Adapter& layout() const { return layout_; }
  [[nodiscard]] Theta& theta() { return theta_; }
  [[nodiscard]] const Theta& theta() const { return theta_; }
  [[nodiscard]] Vector& p() { return p_; }
  [[nodiscard]] Vector& s() { return s_; }
  [[nodiscard]] Eigen::VectorXf& moved() { return moved_; }
  [[nodiscard]] model::BasicTransformer<Backend>& transformer() { return transformer_; }

  /// Scores θ with an adapter, or alone if it is null, by what may follow the rows' prompts.
  Scores score(const Vector* adapter, std::span<const EncodedRow> rows) {
    return evaluate(transformer_, theta_, adapter, rows, rows_.task->answer_rule);
  }
  /// Scores what is served on all held-out rows, and the answers that it writes where the task has it write.
  /// `model` has the tokenizer.
  Scores final_score(const Model& model, const Served& served) {
    std::optional<Vector> placed;
    if (served.values() != nullptr) placed.emplace(device_.vector(*served.values()));
    return evaluate_task(model, transformer_, theta_, placed ? &*placed : nullptr, std::span(rows_.held_out),
                         *rows_.task);
  }
  /// Scores what the learning curve shows: of both levels (θ, p).
  Scores score_now(std::span<const EncodedRow> rows) {
    return score(trains(options_) == Trains::both_levels ? &p_ : only(), rows);
  }

  /// Rows that judging a candidate reads.
  [[nodiscard]] std::size_t judged_rows() const {
    return rows_.split.decision.size() * (trains(options_) == Trains::both_levels ? 2 : 1);
  }
  /// What a candidate comes to as the end of the run.
  [[nodiscard]] Served served(Candidate candidate) const {
    Served served{std::move(candidate.what), candidate.steps, candidate.upper_loss, candidate.lower_loss,
                  rows_.split.decision.size()};
    if (candidate.adapter.size() > 0) served.adapter = {layout_, std::move(candidate.adapter)};
    return served;
  }

  /// What is served after `steps` steps: of both levels (θ, p) or (θ, s), whichever has the lower loss on the
  /// rows of D_f that no step saw. `judge`: say the loss where there is nothing to choose, too.
  Candidate candidate(std::uint32_t steps, bool judge) {
    Candidate c;
    c.steps = steps;
    const Vector* adapter = only();
    if (trains(options_) == Trains::both_levels) {
      const Scores by_p = score(&p_, rows_.split.decision), by_s = score(&s_, rows_.split.decision);
      const bool upper = by_p.loss <= by_s.loss;
      c.what = upper ? "upper" : "lower";
      adapter = upper ? &p_ : &s_;
      c.upper_loss = by_p.loss;
      c.lower_loss = by_s.loss;
      take(c, upper ? by_p : by_s);
    } else {
      c.what = adapter == nullptr ? "backbone" : "lower";
      if (judge) take(c, score(adapter, rows_.split.decision));
    }
    if (adapter != nullptr) c.adapter = device_.host(*adapter);
    return c;
  }

 private:
  static void take(Candidate& candidate, const Scores& scores) {
    candidate.loss = scores.loss;
    candidate.accuracy = scores.accuracy;
  }
  // The one adapter of a method of one level; null for the backbone alone.
  const Vector* only() {
    if (trains(options_) == Trains::backbone) return nullptr;
    if (trains(options_) == Trains::adapter_by_estimates) s_ = device_.vector(moved_);
    return &s_;
  }
  Theta& place(model::Parameters& theta) {
    const RowExtent extent = rows_.extent(layout_);
    PassRows passes = rows_.pass_rows(options_, extent, Backend::tokens_that_fill);
    passes.texts =
        written_extent<Backend>(theta.config(), peft::virtual_tokens(layout_), rows_.held_out, *rows_.task);
    device_.expect(theta.config(), layout_, extent, passes, options_.recompute);
    return device_.place(theta);
  }

  Device& device_;
  const Options& options_;
  const RunRows& rows_;
  peft::Adapter layout_;
  Theta& theta_;
  model::BasicTransformer<Backend> transformer_;
  Eigen::VectorXf moved_;
  Vector p_, s_;
};

}  // namespace zofo::llm
