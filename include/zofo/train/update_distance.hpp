/// @file The norm of θ_K − θ_0, the sum of all zeroth-order updates.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>

#include "zofo/bilevel/outer_step.hpp"
#include "zofo/core/zo_gradient.hpp"
#include "zofo/perturb/mean_square_length.hpp"
#include "zofo/perturb/tensor_walk.hpp"
#include "zofo/runtime/any_outer.hpp"
#include "zofo/runtime/any_perturbation.hpp"

namespace zofo::llm {

namespace detail {

/// Receives the updates of θ and stores the coefficient of each direction: Δθ = Σ a z.
class Displacement {
 public:
  /// `mean_square`: E‖z‖² of the distribution.
  explicit Displacement(double mean_square) : mean_square_(mean_square) {}

  /// The distribution of the updates.
  struct Distribution {
    double mean_square = 0.0;
    void add(Displacement& to, Direction z, double a) const { to.sums_[{z.seed, z.step, z.query}] += a; }
    [[nodiscard]] double mean_square_length(std::size_t /*d*/) const { return mean_square; }
  };
  [[nodiscard]] Distribution distribution() const { return {mean_square_}; }
  /// Required by the updates, but not used: the distribution knows E‖z‖².
  [[nodiscard]] static std::size_t size() { return 0; }
  /// √(E‖z‖² Σ a²), the root mean square of ‖Δθ‖ over independent directions.
  [[nodiscard]] double length() const {
    double sum = 0.0;
    for (const auto& [direction, a] : sums_) sum += a * a;
    return std::sqrt(mean_square_ * sum);
  }

 private:
  double mean_square_;
  std::map<std::tuple<std::uint64_t, std::uint32_t, std::uint32_t>, double> sums_;
};

/// ‖a − b‖ of two θs of one shape.
template <HasTensors Theta>
double distance(const Theta& a, const Theta& b) {
  std::map<std::uint32_t, const void*> from;
  zofo::list_tensors(a, [&](std::uint32_t tensor, const auto* x, std::size_t) { from[tensor] = x; });
  double squares = 0.0;
  zofo::list_tensors(b, [&]<class T>(std::uint32_t tensor, const T* x, std::size_t n) {
    const T* const other = static_cast<const T*>(from.at(tensor));
    for (std::size_t i = 0; i < n; ++i)
      squares += std::pow(static_cast<double>(x[i]) - static_cast<double>(other[i]), 2);
  });
  return std::sqrt(squares);
}

}  // namespace detail

/// ‖θ_K − θ_0‖ of a run. If the optimiser adds multiples of directions, the norm is the root mean square over
/// independent directions, and rounding does not change it. If the optimiser reads coordinates, the norm is
/// measured with a copy of θ_0. Borrows the optimiser.
template <class Theta>
class UpdateDistance {
 public:
  /// Starts at the current θ as θ_0.
  UpdateDistance(const AnyPerturbation& perturbation, const AnyOuter& outer, const Theta& theta_0)
      : outer_(outer), sum_(mean_square_length(perturbation, theta_0)) {
    if constexpr (HasTensors<Theta>)
      if (outer.reads_coordinates()) copy_theta(theta_0, start_);
  }
  /// Adds the update of the next step.
  void add(const ZoGradient& update) {
    if (!start_) outer_.apply(sum_, sum_.distribution(), update, state_);
  }
  /// The norm; `theta` is θ after the added updates.
  [[nodiscard]] double length(const Theta& theta) const {
    if constexpr (HasTensors<Theta>)
      if (start_) return detail::distance(*start_, theta);
    return sum_.length();
  }

 private:
  const AnyOuter& outer_;
  detail::Displacement sum_;
  AnyOuter::State<detail::Displacement> state_;
  std::optional<Theta> start_;
};

}  // namespace zofo::llm
