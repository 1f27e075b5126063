// expect: zofo: a State with content needs template <class A> void fields(A& archive)
#include "zofo/bilevel/solver_file.hpp"

struct Forgetful {
  template <class Theta>
  struct State {
    int steps = 0;
  };
  template <class Theta, class D>
  void apply(Theta&, const D&, const zofo::ZoGradient&, State<Theta>&) const {}
};

int main() {
  const auto value = [](const Eigen::VectorXd& t, const Eigen::VectorXd& p) { return t.dot(p); };
  const auto slope = [](const Eigen::VectorXd& t, const Eigen::VectorXd& p, Eigen::VectorXd&) {
    return t.dot(p);
  };
  auto problem = zofo::simple_problem<Eigen::VectorXd, Eigen::VectorXd>(value, slope, value, slope);
  zofo::Solver solver{problem, zofo::Policies{.outer = Forgetful{}}, zofo::BilevelOptions{}};
  Eigen::VectorXd theta(1);
  zofo::AdapterPair adapters{theta, theta};
  zofo::save(solver, theta, adapters, "file");
}
