// E1–E6 at the fast effort, and that each of them fails on a policy broken on purpose. The false-alarm rate
// of a statement is in its verdict; the seeds are fixed.
#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

#include "catch.hpp"
#include "theory/broken.hpp"
#include "theory/check.hpp"
#include "theory/statements/e1.hpp"
#include "theory/statements/e2.hpp"
#include "theory/statements/e3.hpp"
#include "theory/statements/e4.hpp"
#include "theory/statements/e5.hpp"
#include "theory/statements/e6.hpp"

using theory::Effort;
using theory::Verdict;
using zofo::Central;
using zofo::Forward;
using zofo::Gaussian;
using zofo::Rademacher;
namespace broken = theory::broken;

#ifdef _OPENMP
namespace {
struct ByThread : Gaussian {
  template <class Theta>
  void add(Theta& theta, zofo::Direction d, double a) const {
    if constexpr (std::is_same_v<Theta, Eigen::VectorXf>)
      d.step += static_cast<std::uint32_t>(omp_get_max_threads());
    Gaussian::add(theta, d, a);
  }
};
}  // namespace
#endif

TEST_CASE("E1: the two-sided estimate of a quadratic has mean ∇f for every ε", "[theory]") {
  theory::check_passed(theory::e1(Effort{}));
}
TEST_CASE("E1 fails on a wrong scale, a bias, a reused seed, shared noise", "[theory]") {
  CHECK_FALSE(theory::e1_with(broken::Scaled<Gaussian>{{}, 1.03}, Effort{}).passed);
  CHECK_FALSE(theory::e1_with(broken::Biased<Gaussian>{{}, 0.3}, Effort{}).passed);
  CHECK_FALSE(theory::e1_with(broken::ReusedSeed<Gaussian>{}, Effort{}).passed);
  CHECK_FALSE(theory::e1_with(broken::SharedNoise<Gaussian>{}, Effort{}).passed);
}
TEST_CASE("E1 fails on the wrong sign", "[theory]") {
  Verdict v = theory::e1_blank();
  const broken::Multiplied<Central> wrong{Central{0.1, 1, 3}, -1.0};
  theory::e1_compare(v, "wrong sign", wrong, Gaussian{}, theory::e1_pair(), 20000);
  CHECK_FALSE(v.passed);
}

TEST_CASE("E2: bias of order ε², one sample's error of order ε² two-sided and ε one-sided", "[theory]") {
  theory::check_passed(theory::e2(Effort{}));
}
TEST_CASE("E2 fails without the factor of ε and with one-sided differences", "[theory]") {
  const auto central = [](double epsilon) { return Central{epsilon, 1, 5}; };
  const auto forward = [](double epsilon) { return Forward{epsilon, 1, 5}; };
  const auto twice = [](double epsilon) { return broken::Multiplied<Central>{Central{epsilon, 1, 5}, 2.0}; };
  CHECK_FALSE(theory::e2_with(twice, forward, Gaussian{}, Effort{}).passed);
  CHECK_FALSE(theory::e2_with(forward, forward, Gaussian{}, Effort{}).passed);
  CHECK_FALSE(theory::e2_with(central, central, Gaussian{}, Effort{}).passed);
}

TEST_CASE("E3: second moments of Gaussian and sign directions on a linear function", "[theory]") {
  theory::check_passed(theory::e3(Effort{}));
}
TEST_CASE("E3 distinguishes d from d + 2 and fails when the base value is not subtracted", "[theory]") {
  Verdict swapped = theory::e3_blank(), unsubtracted = theory::e3_blank();
  const Central central{0.1, 1, 5};
  theory::e3_compare(swapped, "signs as if Gaussian", central, Rademacher{}, theory::e3_gradient(), 18.0,
                     Effort{});
  CHECK_FALSE(swapped.passed);
  struct NoBase : Forward {
    void combine(std::uint32_t step, std::span<const double> losses, zofo::ZoGradient& out) const {
      Forward::combine(step, std::array{0.0, losses[1]}, out);
    }
  };
  theory::e3_compare(unsubtracted, "no base", NoBase{{0.1, 1, 5}}, Gaussian{}, theory::e3_gradient(), 18.0,
                     Effort{});
  CHECK_FALSE(unsubtracted.passed);
}

TEST_CASE("E4: q independent directions have second moment (d+q+1)/q", "[theory]") {
  theory::check_passed(theory::e4(Effort{}));
}
TEST_CASE("E4 fails when all queries have one direction and when the mean is a sum", "[theory]") {
  const auto make = [](std::uint32_t q) { return Central{0.1, q, 5}; };
  CHECK_FALSE(theory::e4_with(make, broken::OneQuery<Gaussian>{}, Effort{}).passed);
  const auto sum = [&](std::uint32_t q) {
    return broken::Multiplied<Central>{make(q), static_cast<double>(q)};
  };
  CHECK_FALSE(theory::e4_with(sum, Gaussian{}, Effort{}).passed);
}

TEST_CASE("E5: independent batches add variance σ²/ε², common ones none", "[theory]") {
  theory::check_passed(theory::e5(Effort{}));
}
TEST_CASE("E5 fails when the two evaluations have independent batches", "[theory]") {
  CHECK_FALSE(theory::e5_with(theory::OwnBatches{}, Effort{}).passed);
}

TEST_CASE("E6: directions are pure functions of their keys", "[theory]") {
  theory::check_passed(theory::e6(Effort{}));
}
TEST_CASE("E6 fails when a distribution ignores a word of the key or tensors share noise", "[theory]") {
  CHECK_FALSE(theory::e6_with(broken::OneQuery<Gaussian>{}, Rademacher{}, Effort{}).passed);
  CHECK_FALSE(theory::e6_with(broken::SharedNoise<Gaussian>{}, Rademacher{}, Effort{}).passed);
  CHECK_FALSE(theory::e6_with(Gaussian{}, broken::ReusedSeed<Rademacher>{{}, 1}, Effort{}).passed);
}
TEST_CASE("E6 fails on noise that depends on the number of threads", "[theory]") {
#ifdef _OPENMP
  CHECK_FALSE(theory::e6_with(ByThread{}, Rademacher{}, Effort{}).passed);
#endif
}
