// expect: zofo: Sparse::second_moment_factor needs a Mask with mean_kept_given_one(d)
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/sparse.hpp"

struct EveryOther {
  template <class T>
  void apply(zofo::Direction, std::uint32_t, std::uint64_t offset, T* z, std::size_t n) const {
    for (std::size_t i = offset % 2; i < n; i += 2) z[i] = T{0};
  }
};

int main() {
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(4);
  zofo::Sparse<zofo::Gaussian, EveryOther> sparse;
  sparse.add(theta, {}, 1.0);  // which is all that a perturbation must have
  return static_cast<int>(sparse.second_moment_factor(4));
}
