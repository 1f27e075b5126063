// User-defined directions, estimator, inner optimizer and outer optimizer in zofo's solver.
#include <cmath>
#include <cstdio>
#include <vector>

#include "zofo/bilevel/solver.hpp"
#include "zofo/core/random.hpp"
#include "zofo/problems/quadratic.hpp"

using Eigen::VectorXd;

// z uniform on the sphere of radius √d.
struct Sphere {
  void add(VectorXd& theta, zofo::Direction direction, double a) const {
    VectorXd z(theta.size());
    zofo::normals(direction, 0, 0, z.data(), static_cast<std::size_t>(z.size()));
    theta += a * std::sqrt(static_cast<double>(z.size())) / z.norm() * z;
  }
};

// Four-point stencil: the error is O(ε⁴) instead of O(ε²).
struct FourPoint {
  double epsilon = 1e-2;
  void probes(std::uint32_t step, std::vector<zofo::Probe>& out) const {
    const zofo::Direction z{7, step, 0};
    out = {{z, epsilon}, {z, -epsilon}, {z, 2 * epsilon}, {z, -2 * epsilon}};
  }
  void combine(std::uint32_t step, std::span<const double> f, zofo::ZoGradient& out) const {
    const double derivative = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * epsilon);
    out = {.terms = {{{7, step, 0}, derivative}}, .queries = 1};
  }
};

// Nesterov's method for strongly convex objectives: the gradient is taken at a point ahead of x.
struct Nesterov {
  double rate, momentum;
  template <class P>
  struct State {
    P previous, ahead;
  };
  template <class P>
  const P& point(const P& x, State<P>& state) const {
    if (state.previous.size() == 0) state.previous = x;
    state.ahead = x + momentum * (x - state.previous);
    return state.ahead;
  }
  template <class P>
  void update(P& gradient, P& x, State<P>& state) const {
    state.previous = x;
    x = state.ahead - rate * gradient;
  }
};

// Steps that shrink as 1/√(1 + k/horizon).
struct Shrinking {
  double rate, horizon;
  template <class Theta>
  struct State {
    double steps = 0;
  };
  template <class Theta, class Distribution>
  void apply(Theta& theta, const Distribution& distribution, const zofo::ZoGradient& estimate,
             State<Theta>& state) const {
    const double now = rate / std::sqrt(1 + state.steps++ / horizon);
    for (const auto& term : estimate.terms) distribution.add(theta, term.direction, -now * term.coefficient);
  }
};

int main() {
  const VectorXd upper = VectorXd::LinSpaced(8, 1, 3), lower = VectorXd::LinSpaced(5, 1, 10);
  auto problem = zofo::problems::random_quadratic({upper, lower}, 1);
  VectorXd theta = VectorXd::Zero(8);
  zofo::AdapterPair adapters{VectorXd(VectorXd::Zero(5)), VectorXd(VectorXd::Zero(5))};
  const double penalty = 100;
  zofo::Solver solver{problem,
                      zofo::Policies{.perturbation = Sphere{},
                                     .estimator = FourPoint{},
                                     .outer = Shrinking{0.03, 4000},
                                     .lower = Nesterov{0.1, 0.5}},
                      zofo::BilevelOptions{.outer_steps = 4000, .inner_steps = 5, .penalty = penalty}};
  const double before = problem.penalty_value_gradient(theta, penalty).norm();
  solver.solve(theta, adapters);
  const double after = problem.penalty_value_gradient(theta, penalty).norm();
  std::printf("gradient norm of the penalty: %.3g before, %.3g after\n", before, after);
  return after < 1e-4 * before ? 0 : 1;
}
