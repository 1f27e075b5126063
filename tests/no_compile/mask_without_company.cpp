// expect: zofo: Mask needs apply(direction, tensor, offset, z, n), company(d) and check()
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/sparse.hpp"

struct EveryOther {
  void check() const {}
  template <class T>
  void apply(zofo::Direction, std::uint32_t, std::uint64_t offset, T* z, std::size_t n) const {
    for (std::size_t i = offset % 2; i < n; i += 2) z[i] = T{0};
  }
};

int main() {
  Eigen::VectorXd theta;
  zofo::Sparse<zofo::Gaussian, EveryOther>{}.add(theta, {}, 1.0);
}
