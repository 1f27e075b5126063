/// @file Directions that move some coordinates only.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "zofo/perturb/magnitude_mask.hpp"
#include "zofo/perturb/perturbation.hpp"
#include "zofo/perturb/random_mask.hpp"

namespace zofo {

/// `apply(direction, tensor, offset, z, n)` sets the entries of z off the mask to zero; `company(d)`: the
/// mean number of kept coordinates of d, given that one of them is kept; `check()` throws Error.
template <class M>
concept DirectionMask = requires(const M& mask, Direction direction, std::uint32_t tensor,
                                 std::uint64_t offset, float* z, double* wide, std::size_t n) {
  mask.apply(direction, tensor, offset, z, n);
  mask.apply(direction, tensor, offset, wide, n);
  { mask.company(n) } -> std::convertible_to<double>;
  mask.check();
};

/// A coordinatewise law under a mask.
template <CoordinatewiseLaw Base, DirectionMask Mask>
struct MaskedLaw {
  Base base;
  Mask mask;
  /// z_i for i in [offset, offset + n) of one tensor.
  template <class T>
  void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
    base.fill(direction, tensor, offset, z, n);
    mask.apply(direction, tensor, offset, z, n);
  }
};

/// z of another law, zero off a mask (Liu et al., "Sparse MeZO: Less parameters for better performance in
/// zeroth-order LLM fine-tuning", 2024, whose mask is MagnitudeMask). Kept entries are those of the base law.
template <class Base, class Mask>
struct Sparse {
  static_assert(DirectionMask<Mask>,
                "zofo: Mask needs apply(direction, tensor, offset, z, n), company(d) and check() (concept "
                "DirectionMask)");
  Base base;
  Mask mask;

  /// Throws Error naming the field of the law or of the mask that is out of range.
  void check() const {
    if constexpr (requires { base.check(); }) base.check();
    mask.check();
  }
  /// z(direction) on θ's shape. Throws Error when the mask was made for another shape.
  template <HasTensors Theta>
  requires FillableLaw<Base, Theta>
  [[nodiscard]] auto bind(const Theta& theta, Direction direction) const {
    if constexpr (requires { mask.check_shape(theta); }) mask.check_shape(theta);
    auto bound = zofo::bind(base, theta, direction);
    return MaskedLaw<decltype(bound), Mask>{std::move(bound), mask};
  }
  /// θ ← θ + a z(direction).
  template <HasTensors Theta>
  requires FillableLaw<Base, Theta>
  void add(Theta& theta, Direction direction, double a) const { add_bound(*this, theta, direction, a); }
  /// E‖z‖² on d coordinates, for base laws with E zzᵀ = I and masks that tell how many they keep in the mean.
  [[nodiscard]] double mean_square_length(std::size_t d) const requires
      requires(const Mask& m, std::size_t n) {
    m.mean_kept(n);
  }
  { return mask.mean_kept(d); }
  /// E‖ĝ‖²/E‖m∘∇f‖² on a linear function of d coordinates, m∘∇f the gradient on the mask, which is what the
  /// estimate is an estimate of: the base's factor for as many coordinates as a kept one has beside it,
  /// itself included. Exact for base laws of independent entries; to be multiplied by the fraction for the
  /// ratio to the whole ‖∇f‖².
  [[nodiscard]] double second_moment_factor(std::size_t d) const {
    const double kept = mask.company(d);
    const auto whole = static_cast<std::size_t>(kept);
    const double low = base.second_moment_factor(whole);
    return low + (kept - static_cast<double>(whole)) * (base.second_moment_factor(whole + 1) - low);
  }
};

template <class Base, class Mask>
Sparse(Base, Mask) -> Sparse<Base, Mask>;

}  // namespace zofo
