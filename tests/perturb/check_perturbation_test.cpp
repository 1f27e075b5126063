// check_perturbation passes what is right and names what is wrong. Its verdicts have a false-alarm rate of
// 1e-6 each; seeds are fixed.
#include "zofo/perturb/check_perturbation.hpp"

#include <Eigen/Core>
#include <cmath>
#include <cstdint>

#include "catch.hpp"
#include "contains.hpp"
#include "perturb/shapes.hpp"
#include "zofo/perturb/coordinate.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/perturb/magnitude_mask.hpp"
#include "zofo/perturb/orthogonal.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/perturb/sparse.hpp"
#include "zofo/perturb/sphere.hpp"

using Eigen::VectorXd;
using zofo::check_perturbation;
using zofo::Direction;
using zofo::Gaussian;

namespace {

// Wrong on purpose, each in one way.
struct TooLong {
  void add(VectorXd& x, Direction z, double a) const { Gaussian{}.add(x, z, 1.05 * a); }
};
struct Biased {
  void add(VectorXd& x, Direction z, double a) const {
    Gaussian{}.add(x, z, a);
    x[7] += 0.3 * a;
  }
};
struct Correlated {  // E z₀z₁₁ = 0.2
  void add(VectorXd& x, Direction z, double a) const {
    VectorXd g = VectorXd::Zero(x.size());
    Gaussian{}.add(g, z, 1.0);
    g[11] = 0.2 * g[0] + std::sqrt(1.0 - 0.04) * g[11];
    x += a * g;
  }
};
struct SharedByPairs {  // steps 2k and 2k + 1 have one z
  void add(VectorXd& x, Direction z, double a) const {
    z.step /= 2;
    Gaussian{}.add(x, z, a);
  }
};
struct IgnoresTheStep {
  void add(VectorXd& x, Direction z, double a) const {
    z.step = 0;
    Gaussian{}.add(x, z, a);
  }
};
struct NotAFunction {  // of the direction: each call gives another z
  mutable std::uint32_t calls = 0;
  void add(VectorXd& x, Direction z, double a) const {
    z.query = calls++;
    Gaussian{}.add(x, z, a);
  }
};
const VectorXd kTheta = VectorXd::LinSpaced(12, -1.0, 1.0);

}  // namespace

TEST_CASE("every perturbation distribution of the library passes", "[perturb]") {
  CHECK(check_perturbation(Gaussian{}, kTheta).passed());
  CHECK(check_perturbation(zofo::Rademacher{}, kTheta).passed());
  CHECK(check_perturbation(zofo::Sphere{}, kTheta).passed());
  const auto coordinate = check_perturbation(zofo::Coordinate{}, kTheta);
  CHECK(coordinate.second_moments_passed());
  CHECK_FALSE(coordinate.passed());  // z = √d e_i has the mean 1/√d in every coordinate
  CHECK(check_perturbation(zofo::Orthogonal{3}, kTheta).passed());
  const Eigen::MatrixXf matrix = Eigen::MatrixXf::Ones(4, 3);
  CHECK(check_perturbation(zofo::LowRank{1, 5}, matrix).passed());
  CHECK(check_perturbation(zofo::LowRank{2, 0}, shapes::Layer<double>(3, 5)).passed());
  const auto report =
      check_perturbation(Gaussian{}, shapes::Mixed{{1.0F, 2.0F}, {3.0, 4.0, 5.0}}, 2000, 4, 1e-3);
  CHECK(report.passed());
  CHECK(report.samples == 2000);
  CHECK_THAT(report.text(), contains("passed: E["));
}

TEST_CASE("a broken perturbation fails, and the report names the moment", "[perturb]") {
  CHECK_FALSE(check_perturbation(TooLong{}, kTheta).passed());
  const auto biased = check_perturbation(Biased{}, kTheta);
  CHECK_FALSE(biased.passed());
  CHECK_FALSE(check_perturbation(Correlated{}, kTheta).passed());
  const auto shared = check_perturbation(SharedByPairs{}, kTheta);
  CHECK_FALSE(shared.passed());
  CHECK_THAT(shared.text(), contains("failed: E[") && contains("of the next step)]"));
  CHECK_FALSE(check_perturbation(IgnoresTheStep{}, kTheta).passed());
  const auto changing = check_perturbation(NotAFunction{}, kTheta);
  CHECK_FALSE(changing.repeats);
  CHECK(changing.text() == "failed: one direction gave two different z");
  // A mask leaves coordinates out: E zzᵀ is not I.
  const zofo::Sparse masked{Gaussian{}, zofo::MagnitudeMask(kTheta, 0.5)};
  CHECK_FALSE(check_perturbation(masked, kTheta).passed());
}

TEST_CASE("its false-alarm rate holds: of 400 checks at 5 % no more fail than chance allows", "[perturb]") {
  int failed = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed)
    failed += check_perturbation(Gaussian{}, VectorXd(VectorXd::Zero(3)), 1000, seed, 0.05).passed() ? 0 : 1;
  // At most Binomial(400, 0.05): 20 ± 4.4, and five standard errors more.
  CHECK(failed < 20 + 5 * 4.4);
  CHECK(check_perturbation(Gaussian{}, kTheta, 1000, 1, 0.5).threshold <
        check_perturbation(Gaussian{}, kTheta, 1000, 1, 1e-9).threshold);
}

TEST_CASE("its arguments are checked, and θ is not changed", "[perturb]") {
  CHECK_THROWS_WITH(check_perturbation(Gaussian{}, kTheta, 99), contains("samples = 99"));
  CHECK_THROWS_WITH(check_perturbation(Gaussian{}, kTheta, 100, 1, 0.0), contains("false_alarm_rate = 0"));
  CHECK_THROWS_WITH(check_perturbation(Gaussian{}, VectorXd()), contains("no coordinates"));
  CHECK_THROWS_WITH(check_perturbation(zofo::Orthogonal{13}, kTheta), contains("queries = 13"));
  CHECK(kTheta == VectorXd::LinSpaced(12, -1.0, 1.0));
}
