// expect: zofo: the perturbation distribution needs add(theta, direction, a) for this Theta (concept
// Perturbation)
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"

struct Wrong {
  double second_moment_factor(std::size_t d) const { return static_cast<double>(d); }
};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::Solver solver{problem, zofo::Policies{.perturbation = Wrong{}}};
}
