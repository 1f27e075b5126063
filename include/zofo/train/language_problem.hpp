/// @file Fine-tuning a language model on a task as a bilevel problem (DESIGN.md §3 and §4).
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/bilevel/inner_objectives.hpp"
#include "zofo/bilevel/joint_tasks.hpp"
#include "zofo/bilevel/penalty.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/sample.hpp"
#include "zofo/data/batcher.hpp"
#include "zofo/lm/choice_loss.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/lm/packed_losses.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/run/counters.hpp"

namespace zofo::llm {

/// F = mean loss over rows of D_f, G = the same over rows of D_g (each row's options say which), both of θ
/// (the backbone) and an adapter. With no D_g rows G is 0, which with `use_adapter` off is MeZO's problem.
/// Throws Error on an empty D_f and D_g and on rows without options.
template <class Backend>
class BasicLanguageProblem {
 public:
  using Theta = typename Backend::Theta;
  using Lower = typename Backend::Vector;
  using Transformer = model::BasicTransformer<Backend>;

  /// The rows of both levels and how they are drawn.
  struct Setup {
    std::vector<EncodedRow> upper;  ///< D_f
    std::vector<EncodedRow> lower;  ///< D_g
    std::size_t batch = 8;          ///< rows of a mini-batch
    bool use_adapter = true;        ///< false: the backbone alone
  };

  BasicLanguageProblem(Transformer& transformer, Setup setup)
      : transformer_(&transformer), setup_(std::move(setup)) {
    for (const std::vector<EncodedRow>* rows : {&setup_.upper, &setup_.lower})
      for (const EncodedRow& row : *rows) {
        require(row.options != nullptr, "training rows: a row has no options");
        row.options->check();
      }
    require(setup_.batch >= 1, "batch = {}: must be at least 1", setup_.batch);
    require(!setup_.upper.empty() || !setup_.lower.empty(), "training rows: 0: must be at least 1");
  }

  /// F(θ, p) on the rows that `sample` draws from D_f.
  double upper(const Theta& theta, const Lower& p, Sample sample) const {
    return value(theta, p, upper_rows(sample));
  }
  /// G(θ, p) on the rows that `sample` draws from D_g.
  double lower(const Theta& theta, const Lower& p, Sample sample) const {
    return value(theta, p, lower_rows(sample));
  }

  /// F and its gradient in p.
  double upper_gradient(const Theta& theta, const Lower& p, Sample sample, Lower& gradient) const {
    return gradient_of(theta, {this, &p, 1.0, 0.0, {sample, {}}, &gradient});
  }
  /// G and its gradient in p.
  double lower_gradient(const Theta& theta, const Lower& p, Sample sample, Lower& gradient) const {
    return gradient_of(theta, {this, &p, 0.0, 1.0, {{}, sample}, &gradient});
  }
  /// F + λG and its gradient in p, in one packed pass.
  double penalty_gradient(const Theta& theta, const Lower& p, double lambda, Sample upper, Sample lower,
                          Lower& gradient) const {
    return gradient_of(theta, {this, &p, 1.0, lambda, {upper, lower}, &gradient});
  }
  /// Values and gradients at several adapters, in one packed pass where they are small.
  template <class Problem>
  requires std::same_as<std::remove_const_t<Problem>, BasicLanguageProblem>
  static void joint_gradients(const Theta& theta, std::span<JointGradient<Problem>> wanted) {
    if (wanted.empty()) return;
    const BasicLanguageProblem& first = *wanted.front().task;
    packed_gradients(
        *first.transformer_, theta, wanted,
        [](const JointGradient<Problem>& one) {
          return one.task->parts_of(one.upper_weight, one.lower_weight, one.samples);
        },
        [&](std::span<const RowsPart> parts) { first.count(parts, 2.0); });
  }

  /// F(·,p), G(·,p), G(·,s) at every probe: one packed batch, the probes evaluated together.
  template <class Law>
  std::vector<PenaltyTerms> penalty_terms(const Theta& theta, const Law& law, std::span<const Probe> probes,
                                          const Lower& p, const Lower& s, Sample upper, Sample lower) const {
    const Rows g = lower_rows(lower);
    const RowsPart parts[] = {
        {upper_rows(upper), adapter_index(0)}, {g, adapter_index(0)}, {g, adapter_index(1)}};
    const Lower* const adapters[] = {&p, &s};
    count(parts, static_cast<double>(probes.size()));
    std::vector<PenaltyTerms> terms;
    for (const std::vector<double>& losses :
         part_losses(*transformer_, theta, law, probes, std::span<const RowsPart>(parts), used(adapters)))
      terms.push_back({losses[0], losses[1], losses[2]});
    return terms;
  }

  /// F(·,p) at every probe, for λ = 0 (MeZO).
  template <class Law>
  std::vector<double> upper_values(const Theta& theta, const Law& law, std::span<const Probe> probes,
                                   const Lower& p, Sample upper) const {
    const RowsPart parts[] = {{upper_rows(upper), adapter_index(0)}};
    const Lower* const adapters[] = {&p};
    count(parts, static_cast<double>(probes.size()));
    std::vector<double> values;
    for (const std::vector<double>& losses :
         part_losses(*transformer_, theta, law, probes, std::span<const RowsPart>(parts), used(adapters)))
      values.push_back(losses.front());
    return values;
  }

  /// What has been computed so far.
  [[nodiscard]] const Work& work() const { return work_; }

 private:
  using Rows = std::vector<const EncodedRow*>;

  [[nodiscard]] Rows draw(const std::vector<EncodedRow>& from, Sample sample) const {
    Rows rows;
    if (from.empty()) return rows;
    for (std::size_t i : data::draw(sample, from.size(), std::min(setup_.batch, from.size())))
      rows.push_back(&from[i]);
    return rows;
  }
  [[nodiscard]] Rows upper_rows(Sample sample) const { return draw(setup_.upper, sample); }
  [[nodiscard]] Rows lower_rows(Sample sample) const { return draw(setup_.lower, sample); }
  [[nodiscard]] int adapter_index(int index) const { return setup_.use_adapter ? index : -1; }
  [[nodiscard]] std::span<const Lower* const> used(std::span<const Lower* const> adapters) const {
    return setup_.use_adapter ? adapters : std::span<const Lower* const>{};
  }

  [[nodiscard]] std::vector<RowsPart> parts_of(double upper, double lower, const SamplePair& samples) const {
    std::vector<RowsPart> parts;
    const auto add = [&](Rows rows, double weight) {
      if (!rows.empty()) parts.push_back({.rows = std::move(rows), .weight = weight});
    };
    if (upper != 0.0) add(upper_rows(samples.upper), upper);
    if (lower != 0.0) add(lower_rows(samples.lower), lower);
    return parts;
  }
  void count(std::span<const RowsPart> parts, double times) const {
    std::size_t rows = 0;
    for (const RowsPart& part : parts) rows += part.rows.size();
    work_.passes += times * static_cast<double>(rows) / static_cast<double>(setup_.batch);
    work_.tokens += static_cast<std::uint64_t>(times) * packed_tokens(parts);
  }

  double value(const Theta& theta, const Lower& p, Rows rows) const {
    if (rows.empty()) return 0.0;
    const RowsPart parts[] = {{std::move(rows), adapter_index(0)}};
    const Lower* const adapters[] = {&p};
    count(parts, 1.0);
    return losses_of_parts(transformer_->log_probabilities(theta, pack_parts(parts), used(adapters)), parts)
        .front();
  }
  double gradient_of(const Theta& theta, JointGradient<const BasicLanguageProblem> one) const {
    joint_gradients(theta, std::span(&one, 1));
    return one.value;
  }

  Transformer* transformer_;
  Setup setup_;
  mutable Work work_;  // a tally, no part of the value
};

/// The problem on the CPU.
using LanguageProblem = BasicLanguageProblem<model::CpuBackend>;

}  // namespace zofo::llm
