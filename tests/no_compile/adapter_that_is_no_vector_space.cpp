// expect: required for the satisfaction of 'VectorSpace<
#include <vector>

#include "zofo/core/problem.hpp"

struct Wrong {
  using Theta = Eigen::VectorXd;
  using Adapter = std::vector<double>;
  double upper(const Theta&, const Adapter&, zofo::BatchKey) { return 0.0; }
  double lower(const Theta&, const Adapter&, zofo::BatchKey) { return 0.0; }
  double upper_gradient(const Theta&, const Adapter&, zofo::BatchKey, Adapter&) { return 0.0; }
  double lower_gradient(const Theta&, const Adapter&, zofo::BatchKey, Adapter&) { return 0.0; }
};

static_assert(zofo::BilevelProblem<Wrong>);

int main() {}
