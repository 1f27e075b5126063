// Two user-defined policies: an outer optimizer that reads the update block by block, and directions that
// learn from the updates.
#include <cmath>
#include <cstdio>

#include "zofo/problems/quadratic.hpp"
#include "zofo/zofo.hpp"

// Signum (Bernstein et al. 2018): θ is updated by the signs of a moving average of the estimates.
struct SignOfMean {
  double rate = 1e-2, decay = 0.9;
  template <class Theta>
  struct State {
    std::vector<std::vector<double>> mean;  // one row per tensor
    template <class Archive>
    void fields(Archive& archive) {
      archive(mean);
    }
  };
  template <class Theta, class D>
  void apply(Theta& theta, const D& perturbation, const zofo::ZoGradient& update, State<Theta>& state) const {
    if (state.mean.empty())
      zofo::list_tensors(theta,
                         [&](std::uint32_t, const auto*, std::size_t n) { state.mean.emplace_back(n); });
    zofo::outer::for_each_update_block(
        theta, perturbation, update,
        [&]<class T>(std::size_t tensor, T* x, const T* g, std::size_t offset, std::size_t n) {
          for (std::size_t i = 0; i < n; ++i) {
            double& m = state.mean[tensor][offset + i];
            m = decay * m + (1 - decay) * g[i];
            x[i] -= static_cast<T>(rate * ((m > 0) - (m < 0)));
          }
        });
  }
};

// Random signs that lean towards the last update (after Maheswaranathan et al., Guided evolutionary
// strategies, 2019).
struct Guided {
  double lean = 0.5;  // share of a direction's squared length along the last update
  struct State {
    zofo::ZoGradient last;
    template <class Archive>
    void fields(Archive& archive) {
      archive(last);
    }
  };
  // The directions of one step: z = √(1 − lean) r ± √lean u, u the random parts of the last update.
  struct Now {
    double own, guide;
    const zofo::ZoGradient& last;
    template <class T>
    void fill(zofo::Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z,
              std::size_t n) const {
      zofo::Rademacher{}.fill(direction, tensor, offset, z, n);
      T sign = 1;  // of u, the same on every coordinate: from a tensor number that theta does not use
      zofo::Rademacher{}.fill(direction, ~0U, 0, &sign, 1);
      for (std::size_t i = 0; i < n; ++i) z[i] *= static_cast<T>(own);
      std::vector<T> r(n);
      for (const zofo::ZoTerm& term : last.terms) {
        zofo::Rademacher{}.fill(term.direction, tensor, offset, r.data(), n);
        for (std::size_t i = 0; i < n; ++i) z[i] += sign * static_cast<T>(guide * term.coefficient) * r[i];
      }
    }
    template <class Theta>
    void add(Theta& theta, zofo::Direction direction, double a) const {
      zofo::add_coordinatewise(*this, theta, direction, a);
    }
  };
  [[nodiscard]] Now at(const State& state) const {
    double length = 0;
    for (const zofo::ZoTerm& term : state.last.terms) length += term.coefficient * term.coefficient;
    if (!(length > 0)) return {1.0, 0.0, state.last};
    return {std::sqrt(1 - lean), std::sqrt(lean / length), state.last};
  }
  void learn(const zofo::ZoGradient& update, State& state) const { state.last = update; }
};

int main() {
  const Eigen::VectorXd ones = Eigen::VectorXd::Ones(8), zero = Eigen::VectorXd::Zero(8);
  auto problem = zofo::problems::random_quadratic({.upper = ones, .lower = ones}, 1);
  zofo::Solver solver{problem,
                      zofo::Policies{.perturbation = Guided{.lean = 0.3},
                                     .estimator = zofo::Central{.queries = 2},
                                     .outer = SignOfMean{.rate = 5e-3},
                                     .lower = zofo::inner::GradientDescent{.rate = 0.1}},
                      zofo::BilevelOptions{.outer_steps = 2000, .penalty = 10}};
  Eigen::VectorXd theta = zero;
  zofo::AdapterPair adapters{zero, zero};
  const double before = problem.phi_gradient(theta).norm();
  solver.solve(theta, adapters);
  const double after = problem.phi_gradient(theta).norm();
  std::printf("gradient of phi: %.4f before, %.4f after\n", before, after);
  return after < 0.1 * before ? 0 : 1;
}
