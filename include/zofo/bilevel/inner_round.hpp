/// @file The first-order half of an outer step: T steps on s and on p.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "zofo/bilevel/inner_objectives.hpp"
#include "zofo/bilevel/options.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/report.hpp"
#include "zofo/inner/inner_solver.hpp"

namespace zofo {

/// Streams of the samples; the pair of θ's probes is (stream, stream + 1).
enum SampleStream : std::uint32_t {
  kInnerUpper = 0,
  kInnerLower = 1,
  kProbeUpper = 2,
  kProbeLower = 3,
  kLargeUpper = 4,
  kLargeLower = 5
};

/// Inner solvers' states of one pair of adapters, and memory that a round reuses.
template <class Inner, class P>
struct InnerStates {
  typename Inner::template State<P> lower, upper;
  std::optional<P> scratch;
};

/// The samples of the inner steps of outer step `step`; `seed` tells one pair of adapters from another.
struct InnerKey {
  const BilevelOptions& options;
  std::uint64_t seed;
  std::uint32_t step;

  [[nodiscard]] Sample sample(std::uint32_t stream, std::uint32_t t) const {
    return {seed, step * options.inner_steps + t, stream};
  }
  [[nodiscard]] bool upper_is_due(std::uint32_t t) const {
    return options.upper_with_lower || t + 1 == options.inner_steps;
  }
  // D_g's batch is the one that s saw, so its noise cancels in G(p) − G(s). D_f's is numbered by steps of
  // p, so that an epoch of D_f skips no row when p is stepped once an outer step.
  [[nodiscard]] SamplePair pair(std::uint32_t t) const {
    const Sample upper = options.upper_with_lower ? sample(kInnerUpper, t) : Sample{seed, step, kInnerUpper};
    return {upper, sample(kInnerLower, t)};
  }
};

/// What the latest inner step on an adapter said.
struct InnerProgress {
  double value = kNotEvaluated;
  double gradient_norm = kNotEvaluated;
  bool converged = false;

  /// Takes up a step's value; a solver of one's own may say it alone, the library's say the gradient's norm
  /// too. Throws Error when it is not finite.
  template <class Said>
  void note(const Said& said, const char* adapter, std::uint32_t t, const BilevelOptions& options,
            std::uint32_t step) {
    value = static_cast<double>(said);
    require(std::isfinite(value),
            "outer step {}, inner step {} on {}: the loss is {}: must be finite (a lower rate may help)",
            step, t, adapter, value);
    if constexpr (requires { said.gradient_norm; }) {
      gradient_norm = said.gradient_norm;
      converged = options.inner_tolerance > 0.0 && said.gradient_norm <= options.inner_tolerance;
    }
  }
};

/// Takes the inner steps of an outer step; `seed` tells the samples of one pair of adapters from another's.
/// Throws Error when a value is not finite.
template <BilevelProblem Problem, class Inner>
class InnerRound {
 public:
  using Theta = typename Problem::Theta;
  using P = typename Problem::Lower;
  using States = InnerStates<Inner, P>;
  static_assert(InnerSolver<Inner, LowerObjective<Problem>, P> &&
                    InnerSolver<Inner, UpperObjective<Problem>, P>,
                "zofo: Inner needs State<P> and step(objective, x, state) -> double (concept InnerSolver)");

  InnerRound(Inner lower, Inner upper) : lower_(std::move(lower)), upper_(std::move(upper)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    if constexpr (requires { lower_.options.check(); }) {
      lower_.options.check();
      upper_.options.check();
    }
  }

  [[nodiscard]] const Inner& lower() const { return lower_; }
  [[nodiscard]] const Inner& upper() const { return upper_; }

  /// Moves s and p; the report gets what the steps said.
  void run(Problem& problem, const Theta& theta, P& p, P& s, States& states, const BilevelOptions& options,
           std::uint64_t seed, StepReport& report) const {
    const InnerKey key{options, seed, report.step};
    InnerProgress on_s, on_p;
    for (std::uint32_t t = 0; t < options.inner_steps; ++t) {
      if (options.train_lower && !on_s.converged) {
        LowerObjective<Problem> objective{problem, theta, key.sample(kInnerLower, t)};
        on_s.note(lower_.step(objective, s, states.lower), "s", t, options, report.step);
      }
      if (options.train_upper && !on_p.converged && key.upper_is_due(t)) {
        UpperObjective<Problem> objective{problem, theta, options.penalty.at(report.step), key.pair(t),
                                          &states.scratch};
        on_p.note(upper_.step(objective, p, states.upper), "p", t, options, report.step);
      }
    }
    report.inner_value_s = on_s.value;
    report.inner_value_p = on_p.value;
    report.inner_gradient_s = on_s.gradient_norm;
    report.inner_gradient_p = on_p.gradient_norm;
    report.inner_converged = (options.train_lower || options.train_upper) &&
                             (!options.train_lower || on_s.converged) &&
                             (!options.train_upper || on_p.converged);
  }

 private:
  Inner lower_, upper_;
};

}  // namespace zofo
