// expect: or State and estimate(step, evaluator, state, estimate) (concept VarianceReduction)
#include "zofo/zofo.hpp"

struct Forgetful {  // no State
  template <class V>
  void estimate(std::uint32_t, V&, int&, zofo::ZoGradient&) const {}
};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::Solver solver(problem, zofo::Gaussian{}, Forgetful{}, zofo::outer::Sgd{}, zofo::inner::Adam{},
                      zofo::BilevelOptions{});
}
