// Objectives with known solutions.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <vector>

#include "zofo/core/memory.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/inner/inner_solve.hpp"

namespace objectives {

using zofo::coordinates;  // Eigen's; a type of one's own brings its own

// ½ Σ hᵢ (xᵢ − x*ᵢ)².
template <class P>
struct Diagonal {
  P curvature, solution;
  double value_and_gradient(const P& x, P& gradient) {
    gradient = curvature.cwiseProduct(x - solution);
    return 0.5 * static_cast<double>((x - solution).dot(gradient));
  }
  void minimiser(P& x) const { x = solution; }
};

// ½ Σ (i + 1) (xᵢ − 1)² over the coordinates of any vector type, counting its evaluations.
template <class P>
struct Numbered {
  std::size_t calls = 0;
  double value_and_gradient(const P& x, P& gradient) {
    ++calls;
    const auto from = coordinates(x);
    auto to = coordinates(gradient);
    using Scalar = std::remove_cvref_t<decltype(to[0])>;
    double value = 0.0;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const double h = static_cast<double>(i) + 1.0, error = static_cast<double>(from[i]) - 1.0;
      to[i] = static_cast<Scalar>(h * error);
      value += 0.5 * h * error * error;
    }
    return value;
  }
  void minimiser(P& x) const {
    auto to = coordinates(x);
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = 1;
  }
};

// Returns a list of gradients in order, for any x.
struct Script {
  std::vector<Eigen::VectorXd> gradients;
  std::size_t next = 0;
  double value_and_gradient(const Eigen::VectorXd&, Eigen::VectorXd& gradient) {
    gradient = gradients.at(next++);
    return static_cast<double>(next);
  }
};

// One inner step, numbered by the state's count where it has one.
template <class O, class Objective, class P>
zofo::inner::InnerStep step(const O& optimizer, Objective& objective, P& x,
                            typename O::template State<P>& state) {
  zofo::inner::StepContext context;
  if constexpr (requires { state.steps; }) context.step = state.steps;
  zofo::Memory<P> gradient;
  return zofo::inner::inner_step(optimizer, objective, x, state, gradient, context);
}

}  // namespace objectives
