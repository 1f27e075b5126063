/// @file Perturbation distributions that are chosen when a program runs.
#pragma once

#include <utility>

namespace zofo {

/// A distribution whose kind is known only at run time: `d.on(theta, f)` calls f with the form of it that can
/// be generated on the device where θ is stored, and throws Error if there is no such form.
template <class D, class Theta>
concept ChosenAtRunTime = requires(const D& d, const Theta& theta) { d.on(theta, [](const auto& /*z*/) {}); };

/// Calls f(z), where z is the form of `d` for the device where θ is stored, or `d` itself if it is not
/// ChosenAtRunTime. Throws Error as `d.on` does.
template <class D, class Theta, class F>
decltype(auto) resolve_perturbation(const D& d, [[maybe_unused]] const Theta& theta, F&& f) {
  if constexpr (ChosenAtRunTime<D, Theta>)
    return d.on(theta, std::forward<F>(f));
  else
    return std::forward<F>(f)(d);
}

}  // namespace zofo
