/// @file Steps that stay in a set.
#pragma once

#include <utility>

#include "zofo/outer/outer_optimizer.hpp"

namespace zofo::outer {

/// `project(θ)`: θ ← the set's point nearest to θ.
template <class Set, class Theta>
concept ProjectableSet = requires(const Set& set, Theta& theta) {
  set.project(theta);
};

/// Options of Projected.
template <class Outer, class Set>
struct ProjectedOptions {
  Outer outer;
  Set set;
  /// Throws Error naming the field out of range.
  void check() const {
    if constexpr (requires { outer.options.check(); }) outer.options.check();
    if constexpr (requires { set.check(); }) set.check();
  }
};

/// θ ← Π(what `outer` makes of θ), Π the projection onto `set` (Goldstein 1964; Levitin & Polyak 1966).
template <class Outer, class Set>
struct Projected {
  using Options = ProjectedOptions<Outer, Set>;
  template <class Theta>
  using State = typename Outer::template State<Theta>;
  Options options;

  Projected(Outer outer, Set set) : options{std::move(outer), std::move(set)} {}

  /// Moves θ. Throws what `outer` and `set` throw.
  template <class Theta, class Law>
  void apply(Theta& theta, const Law& law, const ZoGradient& gradient, State<Theta>& state) const {
    static_assert(OuterOptimizer<Outer, Theta, Law>,
                  "zofo: outer::Projected needs an Outer with State<Theta> and apply(theta, law, gradient, "
                  "state) (concept OuterOptimizer)");
    static_assert(ProjectableSet<Set, Theta>,
                  "zofo: outer::Projected needs a Set with project(theta) for this Theta (concept "
                  "ProjectableSet)");
    if constexpr (requires { options.set.require_fits(theta); }) options.set.require_fits(theta);
    options.outer.apply(theta, law, gradient, state);
    options.set.project(theta);
  }
};

}  // namespace zofo::outer
