// A warm step allocates no memory: neither with operator new nor with Eigen's allocator.
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {
bool counting = false;
std::size_t allocations = 0;
void count_allocation() {
  if (counting) ++allocations;
}
}  // namespace

// Eigen evaluates this assertion before it allocates; its allocation bypasses operator new.
#define EIGEN_RUNTIME_NO_MALLOC
#define eigen_assert(condition) ((condition) ? static_cast<void>(0) : count_allocation())
#include <Eigen/Core>

#include "catch.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/estimate/forward.hpp"
#include "zofo/estimate/std_normalized.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/inner/nesterov.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/perturb/sphere.hpp"
#include "zofo/variance/svrg.hpp"

// Not inlined: g++ 12 would report free() as a mismatch of new (GCC bug 103993).
__attribute__((noinline)) void* operator new(std::size_t size) {
  count_allocation();
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
__attribute__((noinline)) void operator delete(void* memory) noexcept { std::free(memory); }
__attribute__((noinline)) void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using Eigen::VectorXd;
using Eigen::VectorXf;
using zofo::BatchKey;

// The losses couple coordinates of θ with those of p and s; no expression needs a temporary.
template <class V>
struct Pull {
  using Theta = V;
  using Adapter = V;
  double upper(const V& theta, const V& p, BatchKey) const {
    return 0.5 * static_cast<double>((theta - p).squaredNorm() + p.squaredNorm());
  }
  double lower(const V& theta, const V& p, BatchKey) const {
    return 0.5 * static_cast<double>((p - theta).squaredNorm());
  }
  double upper_gradient(const V& theta, const V& p, BatchKey s, V& g) const {
    g = 2 * p - theta;
    return upper(theta, p, s);
  }
  double lower_gradient(const V& theta, const V& p, BatchKey s, V& g) const {
    g = p - theta;
    return lower(theta, p, s);
  }
};

// Allocations of eight steps, after six steps that allocate the state.
template <class V, class Distribution, class Estimator, class Outer, class Inner>
std::size_t of_warm_steps(Distribution distribution, Estimator estimator, Outer outer, Inner inner) {
  Pull<V> problem;
  zofo::Solver solver(problem, zofo::Policies{distribution, estimator, outer, inner},
                      zofo::BilevelOptions{.outer_steps = 100, .inner_steps = 3, .penalty = 2.0});
  V theta = V::Ones(300000);
  zofo::AdapterPair<V> pair{V::Zero(300000), V::Zero(300000)};
  for (int k = 0; k < 6; ++k) solver.step(theta, pair);
  allocations = 0;
  counting = true;
  Eigen::internal::set_is_malloc_allowed(false);
  for (int k = 0; k < 8; ++k) solver.step(theta, pair);
  Eigen::internal::set_is_malloc_allowed(true);
  counting = false;
  return allocations;
}

}  // namespace

TEST_CASE("the counter counts both ways of allocating", "[allocation]") {
  allocations = 0;
  counting = true;
  Eigen::internal::set_is_malloc_allowed(false);
  {
    const VectorXd x = VectorXd::Ones(10);
    CHECK(allocations >= 1);
  }
  Eigen::internal::set_is_malloc_allowed(true);
  allocations = 0;
  ::operator delete(::operator new(8));
  counting = false;
  CHECK(allocations == 1);
}

TEST_CASE("no warm step allocates", "[allocation]") {
  using namespace zofo;
  const Central central{.epsilon = 1e-3, .queries = 4};
  CHECK(of_warm_steps<VectorXf>(Gaussian{}, central, outer::Sgd{1e-6}, inner::GradientDescent{0.1}) == 0);
  CHECK(of_warm_steps<VectorXd>(Rademacher{}, central, outer::Adam{1e-6}, inner::Adam{0.1}) == 0);
  CHECK(of_warm_steps<VectorXd>(Gaussian{}, Forward{1e-3, 4}, outer::Sgd{1e-6},
                                inner::Sgd{.rate = 0.1, .momentum = 0.9}) == 0);
  CHECK(of_warm_steps<VectorXf>(Sphere{}, StdNormalized{1e-3, 4}, outer::Sgd{1e-6},
                                inner::Nesterov{.rate = 0.1}) == 0);
  CHECK(of_warm_steps<VectorXd>(Gaussian{}, variance::Svrg{.estimator = central, .period = 3, .batches = 2},
                                outer::Sgd{1e-6}, inner::GradientDescent{0.1}) == 0);
}
