/// @file The optimiser of what zeroth-order steps move, chosen at run time.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "zofo/core/error.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/momentum.hpp"
#include "zofo/outer/outer_optimizer.hpp"
#include "zofo/outer/rms_scalar.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/outer/step_clipping.hpp"

namespace zofo::llm {

/// Any of the outer optimisers. Adam keeps two vectors of θ's size and Momentum one, both on the CPU only.
class AnyOuter {
 public:
  using ClippedSgd = outer::StepClipping<outer::Sgd>;
  using ClippedMomentum = outer::StepClipping<outer::Momentum>;
  using Choice =
      std::variant<outer::Sgd, outer::Momentum, outer::Adam, outer::RmsScalar, ClippedSgd, ClippedMomentum>;
  /// All but the chosen one's stay empty.
  template <class Theta>
  struct State {
    std::tuple<outer::Sgd::State<Theta>, outer::Momentum::State<Theta>, outer::Adam::State<Theta>,
               outer::RmsScalar::State<Theta>, ClippedSgd::State<Theta>, ClippedMomentum::State<Theta>>
        own;
    /// What a saved state holds.
    template <class Archive>
    void fields(Archive& archive) {
      std::apply([&](auto&... states) { archive(states...); }, own);
    }
  };

  AnyOuter(Choice optimizer) : optimizer_(std::move(optimizer)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    std::visit([](const auto& o) { check_policy(o); }, optimizer_);
  }
  /// It looks at θ's coordinates: a step is no sum of multiples of directions.
  [[nodiscard]] bool reads_coordinates() const {
    return std::visit([]<class Outer>(const Outer&) { return coordinatewise<Outer>; }, optimizer_);
  }
  /// Throws Error when a coefficient is not finite, the estimate does not suit the state, or θ is stored
  /// where the optimiser cannot reach its coordinates.
  template <class Theta, Perturbation<Theta> D>
  void check_update(const Theta& theta, const D& perturbation, const ZoGradient& gradient,
                    const State<Theta>& state) const {
    std::visit(
        [&]<class Outer>(const Outer& outer) {
          if constexpr (HasTensors<Theta> || !coordinatewise<Outer>)
            outer.check_update(theta, perturbation, gradient,
                               std::get<typename Outer::template State<Theta>>(state.own));
          else
            refuse_coordinates();
        },
        optimizer_);
  }
  /// Updates θ. Throws as check_update does, nothing changed.
  template <class Theta, Perturbation<Theta> D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    std::visit(
        [&]<class Outer>(const Outer& outer) {
          if constexpr (HasTensors<Theta> || !coordinatewise<Outer>)
            outer.apply(theta, perturbation, gradient,
                        std::get<typename Outer::template State<Theta>>(state.own));
          else
            refuse_coordinates();
        },
        optimizer_);
  }

 private:
  [[noreturn]] static void refuse_coordinates() {
    fail("outer_optimizer: not supported on a GPU; use sgd or rms-scalar, or --device cpu");
  }
  template <class Outer>
  static constexpr bool coordinatewise =
      std::is_same_v<Outer, outer::Adam> || std::is_same_v<Outer, outer::Momentum> ||
      std::is_same_v<Outer, ClippedMomentum>;

  Choice optimizer_;
};

}  // namespace zofo::llm
