// Your own perturbation, estimator, inner solver and outer optimiser, in zofo's loop: each is a small struct.
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

#include "zofo/bilevel/solver.hpp"
#include "zofo/core/random.hpp"
#include "zofo/problems/quadratic.hpp"

using Vector = Eigen::VectorXd;

// A perturbation: z uniform on the sphere of radius √d.
struct Sphere {
  void add(Vector& theta, zofo::Direction direction, double a) const {
    Vector z(theta.size());
    zofo::normals(direction, 0, 0, z.data(), static_cast<std::size_t>(z.size()));
    theta += a * std::sqrt(static_cast<double>(z.size())) * z.normalized();
  }
  [[nodiscard]] double second_moment_factor(std::size_t d) const { return static_cast<double>(d); }
};

// An estimator: two-sided, of fourth order, Σ w·f(θ + kεz) / ε with k = 2, 1, −1, −2.
struct FivePoint {
  double epsilon = 1e-2;
  [[nodiscard]] std::vector<zofo::Probe> probes(std::uint32_t step) const {
    const zofo::Direction z{7, step, 0};
    return {{z, 2 * epsilon}, {z, epsilon}, {z, -epsilon}, {z, -2 * epsilon}};
  }
  [[nodiscard]] zofo::ZoGradient combine(std::uint32_t step, std::span<const double> f) const {
    return {{{zofo::Direction{7, step, 0}, (-f[0] + 8 * f[1] - 8 * f[2] + f[3]) / (12 * epsilon)}}};
  }
};

// An inner solver: gradient steps whose length shrinks as 1/√t. Its state is a value apart from the policy.
struct DecayingDescent {
  template <class P>
  struct State {
    int steps = 0;
  };
  double rate = 0.1;
  template <class Objective, class P>
  double step(Objective& objective, P& x, State<P>& state) const {
    P gradient = zofo::zeros_like(x);
    const double value = objective.value_and_gradient(x, gradient);
    zofo::axpy(-rate / std::sqrt(1.0 + 0.01 * state.steps++), gradient, x);
    return value;
  }
};

// An outer optimiser: no step is longer than `longest` times its direction.
struct ClippedDescent {
  template <class Theta>
  struct State {};
  double rate = 0.02, longest = 0.05;
  template <class Theta, class Law>
  void apply(Theta& theta, const Law& law, const zofo::ZoGradient& gradient, State<Theta>&) const {
    for (const auto& [direction, c] : gradient.terms)
      law.add(theta, direction, -std::clamp(rate * c, -longest, longest));
  }
};

int main() {
  const Vector ones = Vector::Ones(6);
  zofo::problems::Quadratic problem = zofo::problems::random_quadratic({.upper = ones, .lower = ones}, 1);
  zofo::Solver solver{
      problem,           Sphere{},
      FivePoint{},       ClippedDescent{},
      DecayingDescent{}, zofo::BilevelOptions{.outer_steps = 1500, .inner_steps = 10, .penalty = 5}};
  Vector theta = Vector::Zero(6), p = theta, s = theta;
  const double before = problem.penalty_value_gradient(theta, 5).norm();
  solver.run(theta, p, s);
  const double after = problem.penalty_value_gradient(theta, 5).norm();
  std::printf("gradient norm of the penalised problem: %.3g -> %.3g\n", before, after);
  return after < 0.01 * before ? 0 : 1;
}
