// expect: zofo: the perturbation distribution needs add(theta, direction, a) for
#include <list>

#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"

int main() {
  auto problem = zofo::single_level<std::list<double>>([](const std::list<double>&) { return 0.0; });
  zofo::Solver solver{problem, zofo::BilevelOptions{}};
}
