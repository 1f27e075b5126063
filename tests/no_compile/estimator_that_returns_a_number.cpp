// expect: zofo: Estimator needs probes(step, list) and combine(step, losses, estimate) (concept
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"

struct Wrong {
  void probes(std::uint32_t, std::vector<zofo::Probe>&) const {}
  double combine(std::uint32_t, std::span<const double>) const { return 0.0; }
};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::Solver solver{problem, zofo::Policies{.estimator = Wrong{}}};
}
