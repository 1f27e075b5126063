// expect: zofo: Mask needs apply(direction, tensor, offset, z, n) (concept DirectionMask)
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/sparse.hpp"

struct EveryOther {
  void check() const {}
};

int main() {
  Eigen::VectorXd theta;
  zofo::Sparse<zofo::Gaussian, EveryOther>{}.add(theta, {}, 1.0);
}
