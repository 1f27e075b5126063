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
#include "zofo/outer/scalar_adam.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/outer/trust_region.hpp"

namespace zofo::llm {

/// Any of the outer optimisers. Adam keeps two vectors of θ's size and Momentum one, both on the CPU only.
class AnyOuter {
 public:
  using BoundedSgd = outer::TrustRegion<outer::Sgd>;
  using BoundedMomentum = outer::TrustRegion<outer::Momentum>;
  using Choice =
      std::variant<outer::Sgd, outer::Momentum, outer::Adam, outer::ScalarAdam, BoundedSgd, BoundedMomentum>;
  /// All but the chosen one's stay empty.
  template <class Theta>
  struct State {
    std::tuple<outer::Sgd::State<Theta>, outer::Momentum::State<Theta>, outer::Adam::State<Theta>,
               outer::ScalarAdam::State<Theta>, BoundedSgd::State<Theta>, BoundedMomentum::State<Theta>>
        own;
  };

  AnyOuter(Choice optimizer) : optimizer_(std::move(optimizer)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    std::visit([](const auto& o) { o.options.check(); }, optimizer_);
  }
  /// It looks at θ's coordinates: a step is no sum of multiples of directions.
  [[nodiscard]] bool reads_coordinates() const {
    return std::visit([]<class Outer>(const Outer&) { return coordinatewise<Outer>; }, optimizer_);
  }
  /// Moves θ. Throws Error, nothing changed, when a coefficient is not finite or θ lies where the optimiser
  /// cannot reach its coordinates.
  template <class Theta, Perturbation<Theta> Law>
  void apply(Theta& theta, const Law& law, const ZoGradient& gradient, State<Theta>& state) const {
    std::visit(
        [&]<class Outer>(const Outer& outer) {
          if constexpr (HasTensors<Theta> || !coordinatewise<Outer>)
            outer.apply(theta, law, gradient, std::get<typename Outer::template State<Theta>>(state.own));
          else
            fail("outer: a GPU has sgd and scalar-adam alone (--device cpu has all)");
        },
        optimizer_);
  }

 private:
  template <class Outer>
  static constexpr bool coordinatewise =
      std::is_same_v<Outer, outer::Adam> || std::is_same_v<Outer, outer::Momentum> ||
      std::is_same_v<Outer, BoundedMomentum>;

  Choice optimizer_;
};

}  // namespace zofo::llm
