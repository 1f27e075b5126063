/// @file Concepts of perturbation distributions, and functions that update θ or write perturbed copies.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "zofo/core/direction.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/core/zo_gradient.hpp"
#include "zofo/perturb/fused_apply.hpp"
#include "zofo/perturb/tensor_walk.hpp"

namespace zofo {

/// `add(θ, direction, a)`: θ ← θ + a z(direction), z a pure function of the direction. The estimators assume
/// E zzᵀ = I, which check_perturbation measures. It must not throw for a direction that
/// `check_direction` accepts; without `check_direction` it must never throw.
template <class D, class Theta>
concept Perturbation = requires(const D& perturbation, Theta& theta, Direction direction, double a) {
  perturbation.add(theta, direction, a);
};

/// Refinement for perturbations that do not support every shape of θ or every direction: `check_direction(θ,
/// direction)` throws Error where `add` would, without generating z.
template <class D, class Theta>
concept ChecksDirection = requires(const D& perturbation, const Theta& theta, Direction direction) {
  perturbation.check_direction(theta, direction);
};

/// Calls `perturbation.check_direction(θ, direction)` where there is one. Throws Error where `add` would.
template <class D, class Theta>
void check_direction([[maybe_unused]] const D& perturbation, [[maybe_unused]] const Theta& theta,
                     [[maybe_unused]] Direction direction) {
  if constexpr (ChecksDirection<D, Theta>) perturbation.check_direction(theta, direction);
}

/// A perturbation distribution that learns from the updates. It has `State`, `at(state)`, the perturbation of
/// one step, and `learn(update, state)`, which is called with every update of θ, also when saved updates are
/// replayed, so that the state is a function of the updates.
template <class D, class Theta>
concept StatefulPerturbation = std::default_initializable<typename D::State> &&
                               requires(const D& distribution, const typename D::State& now,
                                        typename D::State& state, const ZoGradient& update) {
                                 { distribution.at(now) } -> Perturbation<Theta>;
                                 distribution.learn(update, state);
                               };

/// θ that is updated on the device where it is stored: `apply_update(θ, perturbation, terms)`, θ ← θ + Σ
/// coefficient z(direction), which reads and writes θ once.
template <class Theta, class D>
concept AppliesUpdate = requires(Theta& theta, const D& perturbation, std::span<const ZoTerm> terms) {
  apply_update(theta, perturbation, terms);
};

/// θ ← θ + a z(direction) by apply_update.
template <class Theta, class D>
void apply_one_update(Theta& theta, const D& perturbation, Direction direction, double a) {
  const ZoTerm term{direction, a};
  apply_update(theta, perturbation, std::span(&term, 1));
}

/// `fill(direction, tensor, offset, z, n)` writes any range of z of any tensor, independently of the rest.
template <class D>
concept CoordinatewisePerturbation =
    requires(const D& perturbation, Direction direction, std::uint32_t tensor, std::uint64_t offset, float* z,
             double* wide, std::size_t n) {
      perturbation.fill(direction, tensor, offset, z, n);
      perturbation.fill(direction, tensor, offset, wide, n);
    };

/// `bind(θ, direction)` returns a coordinatewise perturbation that is z(direction) on θ's shape. It is for
/// distributions whose entries depend on one another. Only that direction may be filled from it.
template <class D, class Theta>
concept BindablePerturbation = requires(const D& perturbation, const Theta& theta, Direction direction) {
  { perturbation.bind(theta, direction) } -> CoordinatewisePerturbation;
};

/// A perturbation whose z can be generated in ranges on θ, directly or after `bind`.
template <class D, class Theta>
concept FillablePerturbation = BindablePerturbation<D, Theta> || CoordinatewisePerturbation<D>;

/// The perturbation as a coordinatewise one for this direction on θ's shape: a copy of itself where it is
/// one. Only shapes are read, not θ's values. Call it as zofo::bind: for a θ of a standard type, or with one
/// among its template arguments, the unqualified name would also find std::bind.
template <class D, class Theta>
  requires FillablePerturbation<D, Theta>
[[nodiscard]] auto bind(const D& perturbation, [[maybe_unused]] const Theta& theta,
                        [[maybe_unused]] Direction direction) {
  if constexpr (BindablePerturbation<D, Theta>)
    return perturbation.bind(theta, direction);
  else
    return perturbation;
}

/// θ ← θ + a z(direction), fused with generation: the `add` of a coordinatewise perturbation.
template <CoordinatewisePerturbation D, HasTensors Theta>
void add_coordinatewise(const D& perturbation, Theta& theta, Direction direction, double a) {
  for_each_tensor(theta, [&](std::uint32_t tensor, auto* x, std::size_t n) {
    detail::add_to_tensor(perturbation, direction, tensor, a, x, n);
  });
}

/// θ ← θ + a z(direction), for any perturbation with `fill` or `bind`: its `add`.
template <class D, HasTensors Theta>
  requires FillablePerturbation<D, Theta>
void add_bound(const D& perturbation, Theta& theta, Direction direction, double a) {
  add_coordinatewise(zofo::bind(perturbation, theta, direction), theta, direction, a);
}

/// out ← θ + a z(direction) in one pass; `out` has θ's shape and may be θ. OpenMP-parallel, the same bits on
/// any number of threads, no allocation unless `bind` needs it. A perturbation that has only `add` costs a
/// copy and an `add`. Throws Error when `out` has another shape.
template <class D, class Theta>
void write_perturbed(const D& perturbation, const Theta& theta, Direction direction, double a, Theta& out) {
  if constexpr (HasTensors<Theta> && FillablePerturbation<D, Theta>) {
    const auto bound = zofo::bind(perturbation, theta, direction);
    detail::walk_together(
        theta,
        [&](std::uint32_t tensor, const auto* x, std::size_t n, const auto& outs) {
          detail::write_tensor(bound, direction, tensor, a, x, outs[0], n);
        },
        out);
  } else {
    detail::copy_theta_numbers(theta, out);
    perturbation.add(out, direction, a);
  }
}

/// plus ← θ + a z(direction) and minus ← θ − a z(direction), z generated once; otherwise as write_perturbed.
/// One of `plus` and `minus` may be θ itself.
template <class D, class Theta>
void write_perturbed_pair(const D& perturbation, const Theta& theta, Direction direction, double a,
                          Theta& plus, Theta& minus) {
  if constexpr (HasTensors<Theta> && FillablePerturbation<D, Theta>) {
    const auto bound = zofo::bind(perturbation, theta, direction);
    detail::walk_together(
        theta,
        [&](std::uint32_t tensor, const auto* x, std::size_t n, const auto& outs) {
          detail::write_tensor_pair(bound, direction, tensor, a, x, outs[0], outs[1], n);
        },
        plus, minus);
  } else {
    Theta& last = &plus == &theta ? plus : minus;  // θ is read twice: an output that is θ is written last
    Theta& early = &plus == &theta ? minus : plus;
    const double sign = &plus == &theta ? -1.0 : 1.0;
    detail::copy_theta_numbers(theta, early);
    perturbation.add(early, direction, sign * a);
    detail::copy_theta_numbers(theta, last);
    perturbation.add(last, direction, -sign * a);
  }
}

}  // namespace zofo
