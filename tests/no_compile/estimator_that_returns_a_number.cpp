// expect: zofo: Estimator needs probes(step) -> vector<Probe> and combine(step, losses)
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

struct Wrong {
  std::vector<zofo::Probe> probes(std::uint32_t) const { return {}; }
  double combine(std::uint32_t, std::span<const double>) const { return 0.0; }
};

int main() {
  zofo::problems::Quadratic problem;
  zofo::Solver solver(problem, zofo::Gaussian{}, Wrong{}, zofo::outer::Sgd{}, zofo::inner::Sgd{}, {});
}
