/// @file How far zeroth-order steps have moved θ.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>

#include "zofo/bilevel/outer_evaluation.hpp"
#include "zofo/core/zo_gradient.hpp"
#include "zofo/perturb/mean_square_length.hpp"
#include "zofo/runtime/any_perturbation.hpp"
#include "zofo/runtime/any_outer.hpp"

namespace zofo::llm {

namespace detail {

/// A stand-in for θ that moves as θ does and keeps what it moved by, direction by direction: Δθ = Σ a z.
class Displacement {
 public:
  /// `mean_square`: E‖z‖² of the law.
  explicit Displacement(double mean_square) : mean_square_(mean_square) {}

  /// The law that it moves along.
  struct Law {
    double mean_square = 0.0;
    void add(Displacement& to, Direction z, double a) const { to.moves_[{z.seed, z.step, z.query}] += a; }
    [[nodiscard]] double mean_square_length(std::size_t /*d*/) const { return mean_square; }
  };
  [[nodiscard]] Law law() const { return {mean_square_}; }
  /// Its number of coordinates, which nothing asks for: the law knows its length.
  [[nodiscard]] static std::size_t size() { return 0; }
  /// √(E‖z‖² Σ a²), the root mean square of ‖Δθ‖ over independent directions.
  [[nodiscard]] double length() const {
    double sum = 0.0;
    for (const auto& [direction, a] : moves_) sum += a * a;
    return std::sqrt(mean_square_ * sum);
  }

 private:
  double mean_square_;
  std::map<std::tuple<std::uint64_t, std::uint32_t, std::uint32_t>, double> moves_;
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

/// ‖θ_K − θ_0‖ of a run: in the root mean square over independent directions where the optimiser adds
/// multiples of them, which rounding does not blur; measured, by a copy of θ_0, where it looks at
/// coordinates.
template <class Theta>
class Moved {
 public:
  /// θ as it is now is θ_0.
  Moved(const AnyLaw& law, const AnyOuter& outer, const Theta& theta_0)
      : outer_(outer), sum_(mean_square_length(law, theta_0)) {
    if constexpr (HasTensors<Theta>)
      if (outer.reads_coordinates()) copy_theta(theta_0, start_);
  }
  /// The estimate of the next step.
  void step(const ZoGradient& gradient) {
    if (!start_) outer_.apply(sum_, sum_.law(), gradient, state_);
  }
  /// θ is where the steps have led it.
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
