/// @file The optimiser of what zeroth-order steps move, chosen at run time.
#pragma once

#include <utility>
#include <variant>

#include "zofo/core/error.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/momentum.hpp"
#include "zofo/outer/outer_optimizer.hpp"
#include "zofo/outer/scalar_adam.hpp"
#include "zofo/outer/sgd.hpp"

namespace zofo::tune {

/// Any of the outer optimisers. Adam keeps two vectors of θ's size and Momentum one, both on the CPU only.
class AnyOuter {
 public:
  using Choice = std::variant<outer::Sgd, outer::Momentum, outer::Adam, outer::ScalarAdam>;
  /// All but the chosen one's stay empty.
  template <class Theta>
  struct State {
    outer::Sgd::State<Theta> sgd;
    outer::Momentum::State<Theta> momentum;
    outer::Adam::State<Theta> adam;
    outer::ScalarAdam::State<Theta> scalar_adam;
  };

  AnyOuter(Choice optimizer) : optimizer_(std::move(optimizer)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    std::visit([](const auto& o) { o.options.check(); }, optimizer_);
  }
  /// Moves θ. Throws Error, nothing changed, when a coefficient is not finite or θ lies where the optimiser
  /// cannot reach its coordinates.
  template <class Theta, Perturbation<Theta> Law>
  void apply(Theta& theta, const Law& law, const ZoGradient& gradient, State<Theta>& state) const {
    std::visit(
        [&]<class Outer>(const Outer& outer) {
          constexpr bool coordinatewise =
              std::is_same_v<Outer, outer::Adam> || std::is_same_v<Outer, outer::Momentum>;
          if constexpr (HasTensors<Theta> || !coordinatewise)
            outer.apply(theta, law, gradient, own<Outer>(state));
          else
            fail("outer: a GPU has sgd and scalar-adam alone (--device cpu has all)");
        },
        optimizer_);
  }

 private:
  template <class Outer, class Theta>
  static auto& own(State<Theta>& state) {
    if constexpr (std::is_same_v<Outer, outer::Sgd>)
      return state.sgd;
    else if constexpr (std::is_same_v<Outer, outer::Momentum>)
      return state.momentum;
    else if constexpr (std::is_same_v<Outer, outer::Adam>)
      return state.adam;
    else
      return state.scalar_adam;
  }

  Choice optimizer_;
};

}  // namespace zofo::tune
