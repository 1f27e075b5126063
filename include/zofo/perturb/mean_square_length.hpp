/// @file The mean squared length of a perturbation distribution's directions.
#pragma once

#include <concepts>
#include <cstddef>

#include "zofo/core/vector_space.hpp"
#include "zofo/perturb/tensor_walk.hpp"

namespace zofo {

/// E‖z‖² on d coordinates: `perturbation.mean_square_length(d)` if it exists, else d, which is right for
/// every distribution with E zzᵀ = I.
template <class D>
[[nodiscard]] double mean_square_length(const D& perturbation, std::size_t d) {
  if constexpr (requires {
                  { perturbation.mean_square_length(d) } -> std::convertible_to<double>;
                })
    return perturbation.mean_square_length(d);
  else
    return static_cast<double>(d);
}

/// E‖z‖² on θ's shape. If θ does not list its tensors, d is θ.size().
template <class D, class Theta>
  requires(!std::integral<Theta>)
[[nodiscard]] double mean_square_length(const D& perturbation, const Theta& theta) {
  const std::size_t d = [&theta]() -> std::size_t {
    if constexpr (HasTensors<Theta>)
      return coordinate_count(theta);
    else
      return theta.size();
  }();
  return mean_square_length(perturbation, d);
}

}  // namespace zofo
