// θ is a struct of two matrices: the solver, check_problem and reference need only for_each_tensor.
#include <cstdio>

#include "zofo/hypergradient.hpp"
#include "zofo/zofo.hpp"

using Eigen::MatrixXd;
using Eigen::VectorXd;

// The weights of a network V tanh(W x).
struct Network {
  MatrixXd W, V;
  // Calls f(index of the tensor, data, size) for each tensor; perturbations use it.
  template <class F>
  friend void for_each_tensor(Network& theta, F&& f) {
    f(0U, theta.W.data(), static_cast<std::size_t>(theta.W.size()));
    f(1U, theta.V.data(), static_cast<std::size_t>(theta.V.size()));
  }
};

int main() {
  const VectorXd input = VectorXd::LinSpaced(3, -1, 1), goal = VectorXd::LinSpaced(2, 0.3, 0.6);
  // G: p approximates the network's output. F: the output should be near a goal, and the weights small.
  const auto output = [&](const Network& t) -> VectorXd {
    return t.V * (t.W * input).array().tanh().matrix();
  };
  const auto F = [&](const Network& t, const VectorXd& p) {
    return (p - goal).squaredNorm() + 0.01 * (t.W.squaredNorm() + t.V.squaredNorm());
  };
  const auto dF = [&](const Network& t, const VectorXd& p, VectorXd& g) {
    g = 2 * (p - goal);
    return F(t, p);
  };
  const auto G = [&](const Network& t, const VectorXd& p) {
    return 0.5 * (p - output(t)).squaredNorm() + 0.05 * p.squaredNorm();
  };
  const auto dG = [&](const Network& t, const VectorXd& p, VectorXd& g) {
    g = p - output(t) + 0.1 * p;
    return G(t, p);
  };
  auto problem = zofo::simple_problem<Network, VectorXd>(F, dF, G, dG);

  Network theta{MatrixXd::Constant(2, 3, 0.1), MatrixXd::Identity(2, 2)};
  theta.W(0, 0) = 0.5;
  const VectorXd start = VectorXd::Zero(2);
  zofo::check_problem(problem, theta, start).require_passed();  // are the gradients right?

  // ‖∇φ‖ by implicit differentiation; the gradient is a Network.
  const auto gradient_norm = [&](const Network& t) {
    const auto exact = zofo::reference(problem, t, start);
    exact.require_converged();
    return std::sqrt(exact.phi_gradient.W.squaredNorm() + exact.phi_gradient.V.squaredNorm());
  };
  const double before = gradient_norm(theta);
  zofo::Solver solver{
      problem,
      zofo::Policies{.estimator = zofo::Central{.queries = 4},
                     .outer = zofo::outer::Adam{.rate = zofo::Schedule::cosine(0.02, 0.0, 1000)},
                     .lower = zofo::inner::GradientDescent{.rate = 0.5}},
      zofo::BilevelOptions{.outer_steps = 1000, .penalty = 100}};
  zofo::AdapterPair adapters{start, start};
  solver.solve(theta, adapters);
  const double after = gradient_norm(theta);
  std::printf("gradient of phi: %.4f before, %.4f after\n", before, after);
  return after < 0.1 * before ? 0 : 1;
}
