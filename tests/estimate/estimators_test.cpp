// Every statistical check is at five standard errors with a fixed seed: a false alarm in 6e-7 for each mean.
#include <Eigen/Core>
#include <limits>

#include "catch.hpp"
#include "contains.hpp"
#include "estimate/statistics.hpp"
#include "zofo/core/error.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/estimate/forward.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"

using zofo::Central;
using zofo::Forward;
using zofo::Gaussian;
using zofo::Rademacher;

static_assert(zofo::OuterZOEstimator<Central> && zofo::OuterZOEstimator<Forward>);

namespace {

// f(x) = ½ xᵀDx + gᵀx with the gradient written by hand.
struct Bowl {
  Eigen::Vector3d diagonal{1.0, 4.0, 0.5}, linear{0.3, -1.0, 2.0};
  double operator()(const Eigen::VectorXd& x) const {
    return 0.5 * x.dot(diagonal.cwiseProduct(x)) + linear.dot(x);
  }
  [[nodiscard]] Eigen::VectorXd gradient(const Eigen::VectorXd& x) const {
    return diagonal.cwiseProduct(x) + linear;
  }
};
const Bowl kBowl;
const Eigen::VectorXd kPoint = Eigen::Vector3d{1.0, -0.5, 0.25};

// Wrong on purpose: the checks must find them.
struct TooLong {  // z is 3 % too long, so the estimate is 6 % too large
  void add(Eigen::VectorXd& x, zofo::Direction d, double a) const { Gaussian{}.add(x, d, 1.03 * a); }
};
struct Biased {  // one entry of z has mean 0.3
  void add(Eigen::VectorXd& x, zofo::Direction d, double a) const {
    Gaussian{}.add(x, d, a);
    x[1] += 0.3 * a;
  }
};
struct ReusedSeed {  // every step samples from the same 200 directions
  void add(Eigen::VectorXd& x, zofo::Direction d, double a) const {
    d.step %= 200;
    Gaussian{}.add(x, d, a);
  }
};
constexpr std::uint32_t kDraws = 1000000;

}  // namespace

TEST_CASE("E1: the two-sided estimate on a quadratic has mean ∇f for every ε", "[estimate]") {
  const double epsilon = GENERATE(1e-3, 10.0);
  const Central central{epsilon, 1, 11};
  CHECK(statistics::mean_deviation(central, Gaussian{}, kBowl, kPoint, kBowl.gradient(kPoint), kDraws) < 5.0);
}

TEST_CASE("E1 for random signs and for several queries", "[estimate]") {
  const Eigen::VectorXd g = kBowl.gradient(kPoint);
  CHECK(statistics::mean_deviation(Central{0.1, 1, 12}, Rademacher{}, kBowl, kPoint, g, 200000) < 5.0);
  CHECK(statistics::mean_deviation(Central{0.1, 4, 13}, Gaussian{}, kBowl, kPoint, g, 100000) < 5.0);
}

TEST_CASE("the one-sided estimate on a quadratic has mean ∇f too", "[estimate]") {
  const Eigen::VectorXd g = kBowl.gradient(kPoint);
  CHECK(statistics::mean_deviation(Forward{0.1, 1, 14}, Gaussian{}, kBowl, kPoint, g, 400000) < 5.0);
  CHECK(statistics::mean_deviation(Forward{0.1, 3, 15}, Rademacher{}, kBowl, kPoint, g, 100000) < 5.0);
}

TEST_CASE("E1's check fails on a wrong scale, a bias and a reused seed", "[estimate]") {
  const Central central{0.1, 1, 11};
  const Eigen::VectorXd g = kBowl.gradient(kPoint);
  CHECK(statistics::mean_deviation(central, TooLong{}, kBowl, kPoint, g, 200000) > 5.0);
  CHECK(statistics::mean_deviation(central, Biased{}, kBowl, kPoint, g, 200000) > 5.0);
  CHECK(statistics::mean_deviation(central, ReusedSeed{}, kBowl, kPoint, g, 200000) > 5.0);
}

TEST_CASE("E3 and E4: second moments on a linear function", "[estimate]") {
  const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(10, -1.0, 2.0);
  const std::uint32_t draws = 200000;
  CHECK(statistics::moment_deviation(Central{0.1, 1, 21}, Gaussian{}, g, 12.0, draws) < 5.0);
  CHECK(statistics::moment_deviation(Central{0.1, 1, 22}, Rademacher{}, g, 10.0, draws) < 5.0);
  CHECK(statistics::moment_deviation(Forward{0.1, 1, 23}, Gaussian{}, g, 12.0, draws) < 5.0);
  CHECK(statistics::moment_deviation(Central{0.1, 4, 24}, Gaussian{}, g, (10.0 + 4 + 1) / 4, draws / 4) <
        5.0);
  // The check distinguishes the two distributions, and q = 4 from q = 3.
  CHECK(statistics::moment_deviation(Central{0.1, 1, 21}, Gaussian{}, g, 10.0, draws) > 5.0);
  CHECK(statistics::moment_deviation(Central{0.1, 3, 24}, Gaussian{}, g, 3.75, draws / 4) > 5.0);
}

TEST_CASE("probes come in a fixed order and combine to the numbers of a hand calculation", "[estimate]") {
  const Central central{0.5, 2, 9};
  const auto probes = zofo::probes_of(central, 3);
  REQUIRE(probes.size() == 4);
  CHECK(probes[2] == zofo::Probe{{9, 3, 1}, 0.5});
  CHECK(probes[3] == zofo::Probe{{9, 3, 1}, -0.5});
  const std::vector<double> losses{2.0, 1.0, 1.0, 4.0};
  const auto two_sided = zofo::estimate_of(central, 3, losses);
  REQUIRE(two_sided.terms.size() == 2);
  CHECK(two_sided.terms[0].coefficient == Approx(0.5));
  CHECK(two_sided.terms[1].coefficient == Approx(-1.5));
  CHECK(two_sided.terms[1].direction == zofo::Direction{9, 3, 1});

  const Forward forward{0.5, 2, 9};
  CHECK(zofo::probes_of(forward, 3)[0].scale == 0.0);
  CHECK(zofo::probes_of(forward, 3)[2] == zofo::Probe{{9, 3, 1}, 0.5});
  const auto one_sided = zofo::estimate_of(forward, 3, std::vector<double>{1.0, 2.0, 0.0});
  CHECK(one_sided.terms[0].coefficient == Approx(1.0));
  CHECK(one_sided.terms[1].coefficient == Approx(-1.0));
}

TEST_CASE("bad losses and options are named", "[estimate]") {
  const Central central{1e-3, 1, 0};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(zofo::estimate_of(central, 7, std::vector<double>{1.0, nan}),
                    contains("step 7") && contains("probe 1"));
  CHECK_THROWS_WITH(zofo::estimate_of(central, 7, std::vector<double>{1.0}),
                    contains("1 losses given for 2 probes"));
  CHECK_THROWS_AS(zofo::estimate_of(Forward{}, 0, std::vector<double>{1.0}), zofo::Error);
  CHECK_THROWS_WITH((zofo::Central{0.0, 1, 0}.check()), contains("epsilon = 0"));
  CHECK_THROWS_WITH((zofo::Central{nan, 1, 0}.check()), contains("epsilon = nan"));
  CHECK_THROWS_WITH((zofo::Central{1e-3, 0, 0}.check()), contains("queries = 0"));
}
