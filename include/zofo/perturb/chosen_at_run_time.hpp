/// @file Perturbation distributions that are chosen when a program runs.
#pragma once

#include <utility>

namespace zofo {

/// A distribution whose kind is known at run time only: `d.on(theta, f)` calls f with it in the form that can
/// be generated where θ is stored, and throws Error where none can.
template <class D, class Theta>
concept ChosenAtRunTime = requires(const D& d, const Theta& theta) {
  d.on(theta, [](const auto& /*z*/) {});
};

/// f(z), z being `d` in the form that it has where θ is stored. The one place where such a choice is
/// resolved.
template <class D, class Theta, class F>
decltype(auto) resolve_perturbation(const D& d, [[maybe_unused]] const Theta& theta, F&& f) {
  if constexpr (ChosenAtRunTime<D, Theta>)
    return d.on(theta, std::forward<F>(f));
  else
    return std::forward<F>(f)(d);
}

}  // namespace zofo
