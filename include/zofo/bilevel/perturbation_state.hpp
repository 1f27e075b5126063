/// @file Perturbation distributions that learn from past updates, in the solver and in replay.
#pragma once

#include <type_traits>
#include <utility>

#include "zofo/core/zo_gradient.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

namespace detail {

// StatefulPerturbation asks for a θ as well; what a run keeps does not depend on it.
template <class D>
concept HasLearntState = requires(const D& d, typename D::State& state, const ZoGradient& update) {
  d.learn(update, state);
};
struct NothingLearnt {
  template <class A>
  void fields(A& /*archive*/) {}
};
template <class D>
struct LearntState {
  using Type = NothingLearnt;
  using Active = D;
};
template <HasLearntState D>
struct LearntState<D> {
  using Type = typename D::State;
  using Active = std::remove_cvref_t<decltype(std::declval<const D&>().at(std::declval<const Type&>()))>;
};

}  // namespace detail

/// What a run keeps for its distribution: its State, or nothing.
template <class D>
using PerturbationState = typename detail::LearntState<D>::Type;
/// The distribution of one step.
template <class D>
using ActivePerturbation = typename detail::LearntState<D>::Active;

/// The distribution of the next step: d itself where it learns nothing.
template <class D>
[[nodiscard]] decltype(auto) active_perturbation(const D& d,
                                                 [[maybe_unused]] const PerturbationState<D>& state) {
  if constexpr (detail::HasLearntState<D>)
    return d.at(state);
  else
    return (d);
}
/// Tells the distribution of an update that was taken.
template <class D>
void learn_from_update([[maybe_unused]] const D& d, [[maybe_unused]] const ZoGradient& update,
                       [[maybe_unused]] PerturbationState<D>& state) {
  if constexpr (detail::HasLearntState<D>) d.learn(update, state);
}

}  // namespace zofo
