/// @file Fine-tuning a language model on a task as a bilevel problem (DESIGN.md §3 and §4).
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "zofo/bilevel/penalty.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/sample.hpp"
#include "zofo/data/batcher.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/tune/examples_batch.hpp"

namespace zofo::tune {

/// What a run has computed: passes in units of one forward over `batch` rows (a backward counts as one more).
struct Work {
  double passes = 0.0;
  std::uint64_t tokens = 0;  ///< tokens read, a backward counting them once more
};

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
    return gradient_of(theta, p, {{upper_rows(sample), 1.0}}, gradient);
  }
  /// G and its gradient in p.
  double lower_gradient(const Theta& theta, const Lower& p, Sample sample, Lower& gradient) const {
    return gradient_of(theta, p, {{lower_rows(sample), 1.0}}, gradient);
  }
  /// F + λG and its gradient in p, in one packed pass.
  double penalty_gradient(const Theta& theta, const Lower& p, double lambda, Sample upper, Sample lower,
                          Lower& gradient) const {
    return gradient_of(theta, p, {{upper_rows(upper), 1.0}, {lower_rows(lower), lambda}}, gradient);
  }

  /// F(·,p), G(·,p), G(·,s) at every probe: one packed batch, the probes evaluated together.
  template <class Law>
  std::vector<PenaltyTerms> penalty_terms(const Theta& theta, const Law& law, std::span<const Probe> probes,
                                          const Lower& p, const Lower& s, Sample upper, Sample lower) const {
    const Rows f = upper_rows(upper);
    const Rows g = lower_rows(lower);
    model::Batch batch;
    pack(batch, f, adapter_index(0));
    pack(batch, g, adapter_index(0));
    pack(batch, g, adapter_index(1));
    const Lower* const adapters[] = {&p, &s};
    count(batch, f.size() + 2 * g.size(), static_cast<double>(probes.size()));
    const std::vector<std::vector<double>> logprobs =
        transformer_->log_probabilities(theta, law, probes, batch, used(adapters));
    std::vector<PenaltyTerms> terms;
    terms.reserve(probes.size());
    for (const std::vector<double>& each : logprobs) {
      std::span<const double> rest = each;
      PenaltyTerms term;
      term.upper = take(rest, f);
      term.lower_p = take(rest, g);
      term.lower_s = take(rest, g);
      terms.push_back(term);
    }
    return terms;
  }

  /// F(·,p) at every probe, for λ = 0 (MeZO).
  template <class Law>
  std::vector<double> upper_values(const Theta& theta, const Law& law, std::span<const Probe> probes,
                                   const Lower& p, Sample upper) const {
    const Rows rows = upper_rows(upper);
    model::Batch batch;
    pack(batch, rows, adapter_index(0));
    const Lower* const adapters[] = {&p};
    count(batch, rows.size(), static_cast<double>(probes.size()));
    std::vector<double> values;
    for (const std::vector<double>& each :
         transformer_->log_probabilities(theta, law, probes, batch, used(adapters)))
      values.push_back(mean_loss(each, rows));
    return values;
  }

  /// What has been computed so far.
  [[nodiscard]] const Work& work() const { return work_; }

 private:
  using Rows = std::vector<const EncodedRow*>;
  struct Part {
    Rows rows;
    double weight;
  };

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

  void pack(model::Batch& batch, const Rows& rows, int adapter) const {
    for (const EncodedRow* row : rows) pack_row(batch, *row, adapter);
  }
  /// Loss of the next rows.size() rows of `rest`, which is moved past them; 0 for no rows.
  static double take(std::span<const double>& rest, const Rows& rows) {
    if (rows.empty()) return 0.0;
    const std::size_t length = targets_of(rows);
    const double loss = mean_loss(rest.first(length), rows);
    rest = rest.subspan(length);
    return loss;
  }
  void count(const model::Batch& batch, std::size_t rows, double times) const {
    work_.passes += times * static_cast<double>(rows) / static_cast<double>(setup_.batch);
    work_.tokens += static_cast<std::uint64_t>(times) * batch.tokens.size();
  }

  double value(const Theta& theta, const Lower& p, const Rows& rows) const {
    if (rows.empty()) return 0.0;
    model::Batch batch;
    pack(batch, rows, adapter_index(0));
    const Lower* const adapters[] = {&p};
    count(batch, rows.size(), 1.0);
    const std::vector<double> logprobs = transformer_->log_probabilities(theta, batch, used(adapters));
    return mean_loss(logprobs, rows);
  }

  /// Σ weight × mean loss of each part and its gradient in p, in one pass.
  double gradient_of(const Theta& theta, const Lower& p, const std::vector<Part>& parts,
                     Lower& gradient) const {
    model::Batch batch;
    std::size_t rows = 0;
    for (const Part& part : parts) {
      pack(batch, part.rows, 0);
      rows += part.rows.size();
    }
    if (rows == 0) {
      gradient = zeros_like(p);
      return 0.0;
    }
    const auto loss = [&](std::span<const double> logprobs, std::span<double> slope) {
      std::ranges::fill(slope, 0.0);
      double sum = 0.0;
      std::size_t at = 0;
      for (const Part& part : parts) {
        if (part.rows.empty()) continue;
        const std::size_t length = targets_of(part.rows);
        sum += part.weight *
               mean_loss(logprobs.subspan(at, length), part.rows, part.weight, slope.subspan(at, length));
        at += length;
      }
      return sum;
    };
    const Lower* const adapters[] = {&p};
    Lower* const gradients[] = {&gradient};
    count(batch, rows, 2.0);
    return transformer_->value_and_gradient(theta, batch, adapters, loss, gradients);
  }

  Transformer* transformer_;
  Setup setup_;
  mutable Work work_;  // a tally, no part of the value
};

/// The problem on the CPU.
using LanguageProblem = BasicLanguageProblem<model::CpuBackend>;

}  // namespace zofo::tune
