// expect: zofo: a Theta of your own needs for_each_tensor(theta, f)
#include <list>

#include "zofo/zofo.hpp"

int main() {  // a list is no θ: there is no for_each_tensor for it
  auto problem = zofo::single_level<std::list<double>>([](const std::list<double>&) { return 0.0; });
  zofo::Solver solver{problem, zofo::Policies{.lower = zofo::inner::Sgd{}}, zofo::BilevelOptions{}};
}
