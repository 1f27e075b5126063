// A step of the C++ solver with a million coordinates, for step.py: prints user CPU seconds of one step.
//   step PROBLEM STEPS POLICIES     PROBLEM: single (a function of θ) or bilevel (p as long as θ)
//                                   POLICIES: compiled (the solver's defaults) or chosen (at run time, as in
//                                   Python)
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "zofo/runtime/any_perturbation.hpp"
#include "zofo/zofo.hpp"

namespace {

using Eigen::VectorXd;
constexpr Eigen::Index d = 1'000'000;

double user_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) + 1e-6 * static_cast<double>(usage.ru_utime.tv_usec);
}

template <class Solve>
void measure(std::uint32_t steps, const Solve& solve) {
  solve(2U);  // allocates
  const double start = user_seconds();
  solve(steps);
  fmt::print("{}\n", (user_seconds() - start) / steps);
}

template <class D>
void run(bool single, std::uint32_t steps, D perturbation) {
  const auto f = [](const VectorXd& x, const VectorXd&) { return x[0] * x[0]; };
  const auto df = [](const VectorXd& x, const VectorXd& p, VectorXd& gradient) {
    gradient = p;
    return x[0] * x[0];
  };
  auto functions = zofo::simple_problem<VectorXd, VectorXd>(f, df, f, df);
  zofo::BilevelOptions options{.inner_steps = 1};
  if (single) options = options.mezo();
  zofo::Solver solver{functions,
                      zofo::Policies{.perturbation = perturbation,
                                     .outer = zofo::outer::Sgd{.rate = 1e-6},
                                     .lower = zofo::inner::Sgd{.rate = 0.1}},
                      options};
  VectorXd theta = VectorXd::Zero(d);
  const VectorXd start = VectorXd::Zero(single ? 0 : d);
  zofo::AdapterPair adapters{start, start};
  measure(steps, [&](std::uint32_t n) { solver.solve(theta, adapters, zofo::NullObserver{}, n); });
}

}  // namespace

int main(int argc, char** argv) {
  const std::string problem = argc > 1 ? argv[1] : "single", policies = argc > 3 ? argv[3] : "compiled";
  const auto steps = static_cast<std::uint32_t>(argc > 2 ? std::atoi(argv[2]) : 100);
  if (policies == "compiled")
    run(problem == "single", steps, zofo::Rademacher{});
  else
    run(problem == "single", steps, zofo::llm::AnyPerturbation(zofo::Rademacher{}));
}
