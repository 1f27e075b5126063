// expect: or State and estimate(step, evaluator, state, estimate) (concept VarianceReduction)
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"

struct Forgetful {  // no State
  template <class V>
  void estimate(std::uint32_t, V&, int&, zofo::ZoGradient&) const {}
};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::Solver solver{problem, zofo::Policies{.estimator = Forgetful{}}};
}
