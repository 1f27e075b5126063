// expect: zofo: Estimator needs probes(step) -> vector<Probe> and combine(step, losses)
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"

struct Wrong {
  std::vector<zofo::Probe> probes(std::uint32_t) const { return {}; }
  double combine(std::uint32_t, std::span<const double>) const { return 0.0; }
};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::Solver solver(problem, zofo::Gaussian{}, Wrong{}, zofo::outer::Sgd{}, zofo::inner::Sgd{}, {});
}
