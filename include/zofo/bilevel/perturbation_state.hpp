/// @file State of perturbation distributions that learn from past updates, for the solver and for replay.
#pragma once

#include <type_traits>
#include <utility>

#include "zofo/core/zo_gradient.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

namespace detail {

// StatefulPerturbation also depends on θ's type; the state of a run does not.
template <class D>
concept HasLearntState =
    requires(const D& d, typename D::State& state, const ZoGradient& update) { d.learn(update, state); };
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

/// The state of a run's distribution; an empty type if the distribution learns nothing.
template <class D>
using PerturbationState = typename detail::LearntState<D>::Type;
/// The type of the distribution of one step.
template <class D>
using ActivePerturbation = typename detail::LearntState<D>::Active;

/// The distribution of the next step: d.at(state), or d itself if it learns nothing.
template <class D>
[[nodiscard]] decltype(auto) active_perturbation(const D& d,
                                                 [[maybe_unused]] const PerturbationState<D>& state) {
  if constexpr (detail::HasLearntState<D>)
    return d.at(state);
  else
    return (d);
}
/// Updates the state with an applied update; does nothing for a distribution that learns nothing.
template <class D>
void learn_from_update([[maybe_unused]] const D& d, [[maybe_unused]] const ZoGradient& update,
                       [[maybe_unused]] PerturbationState<D>& state) {
  if constexpr (detail::HasLearntState<D>) d.learn(update, state);
}

}  // namespace zofo
