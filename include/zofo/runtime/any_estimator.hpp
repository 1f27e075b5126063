/// @file The estimator and the variance reduction around it, chosen at run time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
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
  using Choice = std::variant<Central, Forward, StdNormalized, RandomSign<Central>, RandomSign<Forward>,
                              RandomSign<StdNormalized>>;
  AnyEstimator(Choice estimator) : estimator_(std::move(estimator)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    std::visit([](const auto& e) { check_policy(e); }, estimator_);
  }
  /// Takes the seed where none was given.
  void adopt_seed(std::uint64_t seed) {
    std::visit([seed](auto& e) { zofo::adopt_seed(e, seed); }, estimator_);
  }
  /// The chosen one's.
  void probes(std::uint32_t step, std::vector<Probe>& out) const {
    std::visit([&](const auto& e) { e.probes(step, out); }, estimator_);
  }
  /// The chosen one's. Throws Error as it does.
  void combine(std::uint32_t step, std::span<const double> losses, ZoGradient& out) const {
    std::visit([&](const auto& e) { e.combine(step, losses, out); }, estimator_);
  }

 private:
  Choice estimator_;
};

/// Any of the variance reductions; its state tells which step the anchor is of, so that a replay finds it.
class AnyReduction {
 public:
  using None = variance::None<AnyEstimator>;
  using Svrg = variance::Svrg<AnyEstimator>;
  using Spider = variance::Spider<AnyEstimator>;
  using Storm = variance::Storm<AnyEstimator>;
  using Choice = std::variant<None, Svrg, Spider, Storm>;
  /// All but the chosen one's stay empty.
  struct State {
    std::optional<std::uint32_t> anchor;  ///< θ̃ is θ before this step
    std::tuple<None::State, Svrg::State, Spider::State, Storm::State> own;
    /// What a saved state holds.
    template <class Archive>
    void fields(Archive& archive) {
      std::apply([&](auto&... states) { archive(anchor, states...); }, own);
    }
  };

  explicit AnyReduction(Choice reduction) : reduction_(std::move(reduction)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    std::visit([](const auto& r) { check_policy(r); }, reduction_);
  }
  /// Takes the seed where none was given.
  void adopt_seed(std::uint64_t seed) {
    std::visit([seed](auto& r) { zofo::adopt_seed(r, seed); }, reduction_);
  }
  /// Writes the step's estimate.
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
