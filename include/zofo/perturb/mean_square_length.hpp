/// @file How long a law's directions are in the mean.
#pragma once

#include <concepts>
#include <cstddef>

#include "zofo/core/vector_space.hpp"
#include "zofo/perturb/tensor_walk.hpp"

namespace zofo {

/// E‖z‖² on d coordinates: what the law says by `mean_square_length(d)`, else d, which holds for every law
/// with E zzᵀ = I.
template <class Law>
[[nodiscard]] double mean_square_length(const Law& law, std::size_t d) {
  if constexpr (requires {
                  { law.mean_square_length(d) } -> std::convertible_to<double>;
                })
    return law.mean_square_length(d);
  else
    return static_cast<double>(d);
}

/// The same on θ's shape. A θ without tensors of its own tells d by `size()`.
template <class Law, class Theta>
requires(!std::integral<Theta>) [[nodiscard]] double mean_square_length(const Law& law, const Theta& theta) {
  const std::size_t d = [&theta]() -> std::size_t {
    if constexpr (HasTensors<Theta>)
      return detail::coordinate_count(theta);
    else
      return theta.size();
  }();
  return mean_square_length(law, d);
}

}  // namespace zofo
