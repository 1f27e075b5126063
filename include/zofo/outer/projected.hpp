/// @file Updates that keep θ in a set.
#pragma once

#include <utility>

#include "zofo/core/memory.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo::outer {

/// `project(θ)`: θ ← the point of the set that is nearest to θ.
template <class Set, class Theta>
concept ProjectableSet = requires(const Set& set, Theta& theta) { set.project(theta); };

/// A set for one shape of θ: `require_fits(θ)` throws Error for any other.
template <class Set, class Theta>
concept ChecksFit = requires(const Set& set, const Theta& theta) { set.require_fits(theta); };

/// Updates θ by `outer`, then projects θ onto `set` (Goldstein 1964; Levitin & Polyak 1966). A step works on
/// copies of θ and of the state, so that an exception leaves both unchanged.
template <class Outer, class Set>
struct Projected {
  /// The state of `outer`.
  template <class Theta>
  using State = typename Outer::template State<Theta>;
  Outer outer;  ///< the optimiser
  Set set;      ///< a Box, a Ball, or another set with project(θ)

  /// Throws Error naming the field out of range.
  void check() const {
    check_policy(outer);
    check_policy(set);
  }
  /// Updates θ. Throws what `outer` and `set` throw; θ and the state are unchanged then.
  template <class Theta, class D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    static_assert(OuterOptimizer<Outer, Theta, D>,
                  "zofo: outer::Projected needs an Outer with State<Theta> and apply(theta, perturbation, "
                  "gradient, state) (concept OuterOptimizer)");
    static_assert(ProjectableSet<Set, Theta>,
                  "zofo: outer::Projected needs a Set with project(theta) for this Theta (concept "
                  "ProjectableSet)");
    if constexpr (ChecksFit<Set, Theta>) set.require_fits(theta);  // before a copy is made
    Memory<Theta> next;
    remember(theta, next);
    State<Theta> next_state = state;
    outer.apply(*next, perturbation, gradient, next_state);
    set.project(*next);
    bring_back(next, theta);
    state = std::move(next_state);
  }
};

template <class Outer, class Set>
Projected(Outer, Set) -> Projected<Outer, Set>;

}  // namespace zofo::outer
