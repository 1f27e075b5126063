// expect: zofo: Inner needs State<P> and update(gradient, x, state) (concept InnerOptimizer)
#include "zofo/bilevel/policies.hpp"
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"

struct Wrong {
  void update(Eigen::VectorXd&, Eigen::VectorXd&) const {}
};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::Solver solver(problem, zofo::Policies{.lower = Wrong{}}, {});
}
