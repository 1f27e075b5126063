// expect: zofo: Law needs add(theta, direction, a) and second_moment_factor(d) (concept Perturbation)
#include <list>

#include "zofo/zofo.hpp"

int main() {  // a list is no θ: there is no for_each_tensor for it
  auto problem = zofo::single_level<std::list<double>>([](const std::list<double>&) { return 0.0; });
  zofo::Solver solver(problem, zofo::Gaussian{}, zofo::Central{}, zofo::outer::Sgd{}, zofo::inner::Sgd{},
                      zofo::BilevelOptions{});
}
