// expect: required for the satisfaction of 'VectorSpace<
#include <list>

#include "zofo/bilevel/simple_problem.hpp"

struct Wrong {
  using Theta = Eigen::VectorXd;
  using Adapter = std::list<double>;
  double upper(const Theta&, const Adapter&, zofo::BatchKey) { return 0.0; }
  double lower(const Theta&, const Adapter&, zofo::BatchKey) { return 0.0; }
  double upper_gradient(const Theta&, const Adapter&, zofo::BatchKey, Adapter&) { return 0.0; }
  double lower_gradient(const Theta&, const Adapter&, zofo::BatchKey, Adapter&) { return 0.0; }
};

static_assert(zofo::FourFunctions<Wrong>);

int main() {}
