/// @file Directions that are nonzero on some coordinates only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "zofo/core/checkable.hpp"
#include "zofo/perturb/magnitude_mask.hpp"
#include "zofo/perturb/perturbation.hpp"
#include "zofo/perturb/random_mask.hpp"

namespace zofo {

/// `apply(direction, tensor, offset, z, n)` sets the entries of z off the mask to zero. Optional:
/// `check_shape(θ)` throws Error where the mask does not fit θ; `mean_kept(d)` is the expected number of
/// kept coordinates of d, `mean_kept_given_one(d)` the same given that one of them is kept.
template <class M>
concept DirectionMask = requires(const M& mask, Direction direction, std::uint32_t tensor,
                                 std::uint64_t offset, float* z, double* wide, std::size_t n) {
  mask.apply(direction, tensor, offset, z, n);
  mask.apply(direction, tensor, offset, wide, n);
};

/// A coordinatewise perturbation under a mask.
template <CoordinatewisePerturbation Base, DirectionMask Mask>
struct MaskedPerturbation {
  Base base;  ///< generates z
  Mask mask;  ///< sets entries of z to zero
  /// z_i for i in [offset, offset + n) of one tensor.
  template <class T>
  void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
    base.fill(direction, tensor, offset, z, n);
    mask.apply(direction, tensor, offset, z, n);
  }
};

/// z of another perturbation, zero off a mask (Liu et al., "Sparse MeZO: Less parameters for better
/// performance in zeroth-order LLM fine-tuning", 2024, whose mask is MagnitudeMask). Kept entries are those
/// of the base.
template <class Base, class Mask>
struct Sparse {
  static_assert(DirectionMask<Mask>,
                "zofo: Mask needs apply(direction, tensor, offset, z, n) (concept DirectionMask)");
  Base base;  ///< generates z, such as Gaussian
  Mask mask;  ///< which coordinates are kept: RandomMask or MagnitudeMask

  /// Throws Error naming the field of the base or of the mask that is out of range.
  void check() const {
    check_policy(base);
    check_policy(mask);
  }
  /// Throws Error when the mask was made for another shape, or where the base does.
  template <HasTensors Theta>
  void check_direction(const Theta& theta, Direction direction) const {
    if constexpr (requires { mask.check_shape(theta); }) mask.check_shape(theta);
    zofo::check_direction(base, theta, direction);
  }
  /// z(direction) on θ's shape. Throws Error when the mask was made for another shape.
  template <HasTensors Theta>
    requires FillablePerturbation<Base, Theta>
  [[nodiscard]] auto bind(const Theta& theta, Direction direction) const {
    if constexpr (requires { mask.check_shape(theta); }) mask.check_shape(theta);
    auto bound = zofo::bind(base, theta, direction);
    return MaskedPerturbation<decltype(bound), Mask>{std::move(bound), mask};
  }
  /// θ ← θ + a z(direction).
  template <HasTensors Theta>
    requires FillablePerturbation<Base, Theta>
  void add(Theta& theta, Direction direction, double a) const {
    add_bound(*this, theta, direction, a);
  }
  /// E‖z‖² on d coordinates, for bases with E zzᵀ = I and masks with mean_kept.
  [[nodiscard]] double mean_square_length(std::size_t d) const
    requires requires(const Mask& m, std::size_t n) { m.mean_kept(n); }
  {
    return mask.mean_kept(d);
  }
  /// E‖ĝ‖²/E‖m∘∇f‖² on a linear function of d coordinates, where m∘∇f, the gradient on the mask, is what is
  /// estimated. It is the base's factor for the expected number of kept coordinates given that one is kept.
  /// Exact for bases of independent entries; multiplied by the fraction it is the ratio to the whole ‖∇f‖².
  [[nodiscard]] double second_moment_factor(std::size_t d) const {
    static_assert(
        requires { mask.mean_kept_given_one(d); },
        "zofo: Sparse::second_moment_factor needs a Mask with mean_kept_given_one(d)");
    static_assert(
        requires { base.second_moment_factor(d); },
        "zofo: Sparse::second_moment_factor needs a Base with second_moment_factor(d)");
    const double kept = mask.mean_kept_given_one(d);
    const auto whole = static_cast<std::size_t>(kept);
    const double low = base.second_moment_factor(whole);
    return low + (kept - static_cast<double>(whole)) * (base.second_moment_factor(whole + 1) - low);
  }
};

template <class Base, class Mask>
Sparse(Base, Mask) -> Sparse<Base, Mask>;

}  // namespace zofo
