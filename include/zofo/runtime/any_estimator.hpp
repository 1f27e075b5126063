/// @file The estimator and its variance reduction, chosen at run time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <variant>
#include <vector>

#include "zofo/estimate/central.hpp"
#include "zofo/estimate/forward.hpp"
#include "zofo/estimate/random_sign.hpp"
#include "zofo/estimate/std_normalized.hpp"
#include "zofo/variance/none.hpp"
#include "zofo/variance/spider.hpp"
#include "zofo/variance/storm.hpp"
#include "zofo/variance/svrg.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::llm {

/// Any of the stateless estimators, also with a random sign.
class AnyEstimator {
 public:
  /// The estimators to choose from.
  using Choice = std::variant<Central, Forward, StdNormalized, RandomSign<Central>, RandomSign<Forward>,
                              RandomSign<StdNormalized>>;
  /// Holds the chosen estimator.
  AnyEstimator(Choice estimator);

  /// Throws Error naming the field out of range.
  void check() const;
  /// Sets the seed unless one was given.
  void adopt_seed(std::uint64_t seed);
  /// The perturbed points at which the chosen estimator needs the loss in this step.
  void probes(std::uint32_t step, std::vector<Probe>& out) const;
  /// The estimate from the losses at these points. Throws Error as the chosen estimator does.
  void combine(std::uint32_t step, std::span<const double> losses, ZoGradient& out) const;

 private:
  Choice estimator_;
};

/// Any of the variance reductions. Its state records the step of the anchor, so that a replay can restore
/// it.
class AnyReduction {
 public:
  /// No variance reduction.
  using None = variance::None<AnyEstimator>;
  /// SVRG over any estimator.
  using Svrg = variance::Svrg<AnyEstimator>;
  /// SPIDER over any estimator.
  using Spider = variance::Spider<AnyEstimator>;
  /// STORM over any estimator.
  using Storm = variance::Storm<AnyEstimator>;
  /// The variance reductions to choose from.
  using Choice = std::variant<None, Svrg, Spider, Storm>;
  /// The states of all variance reductions; only that of the chosen one is used.
  struct State {
    std::optional<std::uint32_t> anchor;  ///< θ̃ is θ before this step
    /// One state for each variance reduction.
    std::tuple<None::State, Svrg::State, Spider::State, Storm::State> own;
    /// The members that a saved state contains.
    template <class Archive>
    void fields(Archive& archive) {
      std::apply([&](auto&... states) { archive(anchor, states...); }, own);
    }
  };

  /// Holds the chosen variance reduction.
  explicit AnyReduction(Choice reduction);

  /// Throws Error naming the field out of range.
  void check() const;
  /// Sets the seed unless one was given.
  void adopt_seed(std::uint64_t seed);
  /// Evaluates the losses that the step needs, and writes the step's estimate. Updates the state.
  template <variance::ProbeEvaluator V>
  void estimate(std::uint32_t step, V& evaluator, State& state, ZoGradient& estimate) const {
    Watched<V> watched{evaluator};
    std::visit(
        [&]<class R>(const R& reduction) {
          reduction.estimate(step, watched, std::get<typename R::State>(state.own), estimate);
        },
        reduction_);
    if (watched.moved) state.anchor = step;
  }

 private:
  template <class V>
  struct Watched {
    V& evaluator;
    bool moved = false;
    auto here(std::span<const Probe> probes, variance::ProbeBatch batch) {
      return evaluator.here(probes, batch);
    }
    auto at_anchor(std::span<const Probe> probes, variance::ProbeBatch batch) {
      return evaluator.at_anchor(probes, batch);
    }
    void move_anchor() {
      evaluator.move_anchor();
      moved = true;
    }
  };

  Choice reduction_;
};

}  // namespace zofo::llm
