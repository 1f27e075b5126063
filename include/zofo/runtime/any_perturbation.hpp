/// @file The perturbation distribution, chosen at run time. The transformer and the solver see one type.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>

#include "zofo/core/checkable.hpp"
#include "zofo/core/error.hpp"
#include "zofo/perturb/coordinate.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/perturb/magnitude_mask.hpp"
#include "zofo/perturb/mean_square_length.hpp"
#include "zofo/perturb/perturbation.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/perturb/random_mask.hpp"
#include "zofo/perturb/sparse.hpp"
#include "zofo/perturb/sphere.hpp"

namespace zofo::llm {

/// Any of the perturbations, bound to a direction and to θ's shape. fill() selects the distribution once for
/// all of its numbers.
class BoundPerturbation {
 public:
  /// The bound forms of AnyPerturbation's distributions.
  using Choice =
      std::variant<Gaussian, Rademacher, ScaledGaussian, SingleEntry, LowRankFactors,
                   MaskedPerturbation<Gaussian, MagnitudeMask>, MaskedPerturbation<Gaussian, RandomMask>>;
  /// Holds the chosen form.
  explicit BoundPerturbation(Choice perturbation) : chosen_(std::move(perturbation)) {}

  /// z_i for i in [offset, offset + n) of one tensor.
  template <class T>
  void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
    std::visit([&](const auto& perturbation) { perturbation.fill(direction, tensor, offset, z, n); },
               chosen_);
  }

 private:
  Choice chosen_;
};

/// Any of the perturbation distributions but Orthogonal, whose matrix products would double the compile time.
class AnyPerturbation {
 public:
  /// The distributions to choose from.
  using Choice = std::variant<Gaussian, Rademacher, Sphere, Coordinate, LowRank,
                              Sparse<Gaussian, MagnitudeMask>, Sparse<Gaussian, RandomMask>>;
  /// Holds the chosen distribution.
  AnyPerturbation(Choice perturbation);

  /// Throws Error naming the field out of range.
  void check() const;
  /// Throws Error if add() would.
  template <class Theta>
  void check_direction(const Theta& theta, Direction direction) const {
    const auto check = [&](const auto& perturbation) {
      zofo::check_direction(perturbation, theta, direction);
    };
    if constexpr (HasTensors<Theta>)
      std::visit(check, chosen_);
    else
      on(theta, check);
  }
  /// z(direction) on θ's shape.
  template <HasTensors Theta>
  [[nodiscard]] BoundPerturbation bind(const Theta& theta, Direction direction) const {
    return std::visit(
        [&](const auto& perturbation) {
          return BoundPerturbation(zofo::bind(perturbation, theta, direction));
        },
        chosen_);
  }
  /// θ ← θ + a z(direction) on the CPU, by the distribution's own kernel.
  template <HasTensors Theta>
  void add(Theta& theta, Direction direction, double a) const {
    std::visit([&](const auto& perturbation) { perturbation.add(theta, direction, a); }, chosen_);
  }
  /// θ ← θ + a z(direction) where θ applies updates itself. Throws Error if it does not support the
  /// distribution.
  template <AppliesUpdate<Gaussian> Theta>
    requires(!HasTensors<Theta>)
  void add(Theta& theta, Direction direction, double a) const {
    apply_one_update(theta, *this, direction, a);
  }
  /// E‖z‖² on d coordinates.
  [[nodiscard]] double mean_square_length(std::size_t d) const;

  /// Calls f with this object if θ is on the CPU, and with the chosen distribution if θ is on a GPU. Throws
  /// Error if the GPU does not support the distribution.
  template <class Theta, class F>
  decltype(auto) on(const Theta& /*theta*/, F&& f) const {
    if constexpr (HasTensors<Theta>)
      return f(*this);
    else
      return std::visit(
          [&]<class D>(const D& perturbation) -> decltype(f(Gaussian{})) {
            if constexpr (AppliesUpdate<Theta, D>)
              return f(perturbation);
            else
              fail(
                  "direction: not supported on a GPU; use gaussian, rademacher or low-rank, or --device cpu");
          },
          chosen_);
  }

 private:
  Choice chosen_;
};

/// θ += Σ coefficient·z(direction) where θ applies updates itself (concept AppliesUpdate).
template <AppliesUpdate<Gaussian> Theta>
void apply_update(Theta& theta, const AnyPerturbation& any, std::span<const ZoTerm> terms) {
  any.on(theta, [&](const auto& perturbation) { apply_update(theta, perturbation, terms); });
}

}  // namespace zofo::llm
