/// @file The law of the directions, chosen at run time: one type for the transformer and the solver.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>

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

/// Any of the laws, bound to a direction and to θ's shape. The choice is made once for a whole piece of z.
class BoundLaw {
 public:
  using Choice = std::variant<Gaussian, Rademacher, ScaledGaussian, SingleEntry, LowRankFactors,
                              MaskedLaw<Gaussian, MagnitudeMask>, MaskedLaw<Gaussian, RandomMask>>;
  explicit BoundLaw(Choice law) : law_(std::move(law)) {}

  /// z_i for i in [offset, offset + n) of one tensor.
  template <class T>
  void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
    std::visit([&](const auto& law) { law.fill(direction, tensor, offset, z, n); }, law_);
  }

 private:
  Choice law_;
};

/// Any of the laws but Orthogonal, whose matrix products would double the time that a compiler takes.
class AnyLaw {
 public:
  using Choice = std::variant<Gaussian, Rademacher, Sphere, Coordinate, LowRank,
                              Sparse<Gaussian, MagnitudeMask>, Sparse<Gaussian, RandomMask>>;
  AnyLaw(Choice law) : law_(std::move(law)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    std::visit(
        [](const auto& law) {
          if constexpr (requires { law.check(); }) law.check();
        },
        law_);
  }
  /// z(direction) on θ's shape.
  template <HasTensors Theta>
  [[nodiscard]] BoundLaw bind(const Theta& theta, Direction direction) const {
    return std::visit([&](const auto& law) { return BoundLaw(zofo::bind(law, theta, direction)); }, law_);
  }
  /// θ ← θ + a z(direction), by the law's own kernel.
  template <HasTensors Theta>
  void add(Theta& theta, Direction direction, double a) const {
    std::visit([&](const auto& law) { law.add(theta, direction, a); }, law_);
  }
  template <MovesAlong<Gaussian> Theta>
  requires(!HasTensors<Theta>) void add(Theta& theta, Direction direction, double a) const {
    move_one(theta, *this, direction, a);
  }
  [[nodiscard]] double second_moment_factor(std::size_t d) const {
    return std::visit([d](const auto& law) { return law.second_moment_factor(d); }, law_);
  }

  /// E‖z‖² on d coordinates.
  [[nodiscard]] double mean_square_length(std::size_t d) const {
    return std::visit([d](const auto& law) { return zofo::mean_square_length(law, d); }, law_);
  }

  /// f(law) with this law where θ lies on the CPU, and with the law itself where θ lies elsewhere. Throws
  /// Error if it cannot be moved along it there.
  template <class Theta, class F>
  decltype(auto) on(const Theta& /*theta*/, F&& f) const {
    if constexpr (HasTensors<Theta>)
      return f(*this);
    else
      return std::visit(
          [&]<class Law>(const Law& law) -> decltype(f(Gaussian{})) {
            if constexpr (MovesAlong<Theta, Law>)
              return f(law);
            else
              fail(
                  "direction: a GPU makes gaussian, rademacher and low-rank ones alone (--device cpu makes "
                  "all)");
          },
          law_);
  }

 private:
  Choice law_;
};

/// θ += Σ coefficient·z(direction) where θ moves by itself (concept MovesAlong).
template <MovesAlong<Gaussian> Theta>
void move_along(Theta& theta, const AnyLaw& any, std::span<const ZoTerm> terms) {
  any.on(theta, [&](const auto& law) { move_along(theta, law, terms); });
}

}  // namespace zofo::llm
