/// @file The estimator and the variance reduction around it, chosen at run time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "zofo/estimate/central.hpp"
#include "zofo/estimate/forward.hpp"
#include "zofo/estimate/random_sign.hpp"
#include "zofo/estimate/spread_scaled.hpp"
#include "zofo/variance/none.hpp"
#include "zofo/variance/spider.hpp"
#include "zofo/variance/storm.hpp"
#include "zofo/variance/svrg.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::llm {

/// Any of the estimators, also with a random sign.
class AnyEstimator {
 public:
  using Choice = std::variant<Central, Forward, SpreadScaled, RandomSign<Central>, RandomSign<Forward>,
                              RandomSign<SpreadScaled>>;
  AnyEstimator(Choice estimator) : estimator_(std::move(estimator)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    std::visit(
        [](const auto& e) {
          if constexpr (requires { e.check(); })
            e.check();
          else
            e.options.check();
        },
        estimator_);
  }
  void write_probes(std::uint32_t step, std::vector<Probe>& list) const {
    std::visit([&](const auto& e) { list_probes(e, step, list); }, estimator_);
  }
  void write_estimate(std::uint32_t step, std::span<const double> losses, ZoGradient& estimate) const {
    std::visit([&](const auto& e) { combine_losses(e, step, losses, estimate); }, estimator_);
  }
  [[nodiscard]] std::vector<Probe> probes(std::uint32_t step) const {
    std::vector<Probe> list;
    write_probes(step, list);
    return list;
  }
  [[nodiscard]] ZoGradient combine(std::uint32_t step, std::span<const double> losses) const {
    ZoGradient estimate;
    write_estimate(step, losses, estimate);
    return estimate;
  }

 private:
  Choice estimator_;
};

/// Any of the variance reductions; its state says where the anchor was taken, so that a replay finds it.
class AnyReduction {
 public:
  using None = variance::None<AnyEstimator>;
  using Svrg = variance::Svrg<AnyEstimator>;
  using Spider = variance::Spider<AnyEstimator>;
  using Storm = variance::Storm<AnyEstimator>;
  using Choice = std::variant<None, Svrg, Spider, Storm>;
  struct State {
    std::optional<std::uint32_t> anchor;  ///< θ̃ is θ before this step
    std::variant<None::State, Svrg::State, Spider::State, Storm::State> own;
  };

  explicit AnyReduction(Choice reduction) : reduction_(std::move(reduction)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    std::visit(
        [](const auto& r) {
          r.check();
          r.estimator.check();
        },
        reduction_);
  }
  /// Writes the step's estimate.
  template <ProbeEvaluator V>
  void estimate(std::uint32_t step, V& evaluator, State& state, ZoGradient& estimate) const {
    Watched<V> watched{evaluator};
    std::visit(
        [&]<class R>(const R& reduction) {
          using Own = typename R::State;
          if (!std::holds_alternative<Own>(state.own)) state.own.template emplace<Own>();
          reduction.estimate(step, watched, std::get<Own>(state.own), estimate);
        },
        reduction_);
    if (watched.moved) state.anchor = step;
  }

 private:
  template <class V>
  struct Watched {
    V& evaluator;
    bool moved = false;
    auto here(std::span<const Probe> probes, ProbeBatch batch) { return evaluator.here(probes, batch); }
    auto at_anchor(std::span<const Probe> probes, ProbeBatch batch) {
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
