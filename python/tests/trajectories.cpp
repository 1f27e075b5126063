// Runs of the C++ solver whose results tests/trajectory_test.py expects of the Python package, bit by bit.
// Prints JSON with numbers in hexadecimal.
#include <fmt/format.h>

#include <string>

#include "quadratic.hpp"
#include "zofo/zofo.hpp"

namespace {

using Vector = Eigen::VectorXd;
using zofo::python::Quadratic;

Vector start() { return Vector{{0.5, -0.25, 2.0, 0.0, 1.5}}; }

std::string text(const Vector& x) {
  std::string out;
  for (const double each : x) out += fmt::format("{}\"{:a}\"", out.empty() ? "" : ", ", each);
  return "[" + out + "]";
}

template <class... Policy>
void run(const char* name, zofo::Policies<Policy...> policies, zofo::BilevelOptions options,
         bool last = false) {
  Quadratic problem;
  zofo::Solver solver{problem, policies, options};
  Vector theta = start();
  zofo::AdapterPair<Vector> adapters{Vector::Zero(5), Vector::Zero(5)};
  solver.solve(theta, adapters);
  fmt::print("  \"{}\": {{\"theta\": {}, \"p\": {}, \"s\": {}}}{}\n", name, text(theta), text(adapters.upper),
             text(adapters.lower), last ? "" : ",");
}

void minimize(const char* name) {
  Vector theta = start();
  zofo::minimize(zofo::python::distance, theta,
                 {.steps = 50, .learning_rate = 0.02, .queries = 2, .seed = 3});
  fmt::print("  \"{}\": {{\"theta\": {}}},\n", name, text(theta));
}

}  // namespace

int main() {
  using namespace zofo;
  const BilevelOptions options{.outer_steps = 40, .inner_steps = 4, .penalty = 10.0, .seed = 7};
  fmt::print("{{\n");
  minimize("minimize");
  run("default", Policies{}, options);
  run("descent",
      Policies{.estimator = Central{.epsilon = 1e-3, .queries = 2},
               .outer = outer::Sgd{.rate = 0.02},
               .lower = inner::GradientDescent{.rate = 0.1}},
      options);
  run("gaussian_forward",
      Policies{.perturbation = Gaussian{},
               .estimator = Forward{.epsilon = 1e-4, .queries = 3},
               .outer = outer::Momentum{.rate = 0.002},
               .lower = inner::Sgd{.rate = Schedule::cosine(0.1, 0.01, 100), .momentum = 0.5}},
      options);
  run("sphere_svrg",
      Policies{.perturbation = Sphere{},
               .estimator = variance::Svrg{Central{.epsilon = 1e-3}, 5, 3},
               .outer = outer::Adam{.rate = 0.01},
               .lower = inner::Nesterov{.rate = 0.1, .strong_convexity = 2.0}},
      options);
  run("orthogonal_lion",
      Policies{.perturbation = Orthogonal{.queries = 3},
               .estimator = Central{.epsilon = 1e-3, .queries = 3},
               .outer = outer::Lion{.rate = Schedule::linear(0.02, 0.0, 40)},
               .lower = inner::Adam{.rate = 0.05, .weight_decay = 0.01}},
      options);
  run("coordinate_box",
      Policies{.perturbation = Coordinate{},
               .estimator = OnePointResidual{.epsilon = 0.01, .queries = 2},
               .outer = outer::Projected{outer::Sgd{.rate = 0.01}, outer::Box{-1.0, 0.9}},
               .lower = inner::GradientDescent{.rate = 0.2}},
      options, true);
  fmt::print("}}\n");
}
