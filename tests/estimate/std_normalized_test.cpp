#include "zofo/estimate/std_normalized.hpp"

#include <Eigen/Core>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "estimate/statistics.hpp"
#include "zofo/perturb/rademacher.hpp"

using Eigen::VectorXd;
using zofo::StdNormalized;

static_assert(zofo::OuterZOEstimator<StdNormalized>);

TEST_CASE("the estimate is the FZOO paper's g/σ, by hand", "[estimate]") {
  const StdNormalized scaled{.epsilon = 0.5, .queries = 3, .seed = 1};
  const std::vector<double> losses{1.0, 2.0, 4.0, 0.0};  // f(θ), then three probes of mean 2 and deviation 2
  const auto estimate = zofo::estimate_of(scaled, 0, losses);
  REQUIRE(estimate.terms.size() == 3);
  CHECK(estimate.terms[0].coefficient == Approx(1.0 / 2.0 / 3.0));
  CHECK(estimate.terms[1].coefficient == Approx(3.0 / 2.0 / 3.0));
  CHECK(estimate.terms[2].coefficient == Approx(-1.0 / 2.0 / 3.0));
}

TEST_CASE("the scale and the level of the losses do not matter", "[estimate]") {
  const StdNormalized scaled{.epsilon = 0.5, .queries = 3, .seed = 1};
  const auto one = zofo::estimate_of(scaled, 0, std::vector<double>{1.0, 2.0, 4.0, 0.0});
  const auto other = zofo::estimate_of(scaled, 0, std::vector<double>{7.0, 8.0 + 2.0, 7.0 + 9.0, 7.0 - 3.0});
  for (std::size_t i = 0; i < 3; ++i) CHECK(one.terms[i].coefficient == Approx(other.terms[i].coefficient));
}

// On a linear f with random signs ρᵢ = gᵀzᵢ is symmetric about 0 and so is ρᵢ/σ; E(ĝ) is c g/‖g‖ with
// c = E(mean ρ²/σ)/‖g‖, which tends to 1 as q grows: E σ/‖g‖ is within 1/q of 1 (the bias of a deviation).
TEST_CASE("it estimates ∇f/‖∇f‖ on a linear function", "[estimate]") {
  const VectorXd g = 1e6 * VectorXd::LinSpaced(40, -1.0, 2.0);
  const auto f = [&g](const VectorXd& x) { return g.dot(x); };
  const std::uint32_t queries = 32, draws = 4000;
  const StdNormalized scaled{.epsilon = 1e-2, .queries = queries, .seed = 5};
  statistics::Mean along(1), across(1);
  const VectorXd unit = g.normalized();
  for (std::uint32_t k = 0; k < draws; ++k) {
    const VectorXd e = statistics::estimate(scaled, zofo::Rademacher{}, f, VectorXd::Zero(40), k);
    along.add(VectorXd::Constant(1, e.dot(unit)));
    across.add(VectorXd::Constant(1, e[0] - e.dot(unit) * unit[0]));
  }
  CHECK(std::abs(along.sum[0] / draws - 1.0) < 1.0 / queries);
  CHECK(across.deviation(VectorXd::Zero(1)) < 5.0);  // five standard errors: a false alarm in 6e-7
}

TEST_CASE("equal losses give no step, and one query has no standard deviation", "[estimate]") {
  const StdNormalized flat{.epsilon = 0.5, .queries = 2, .seed = 1};
  for (const auto& term : zofo::estimate_of(flat, 0, std::vector<double>{3.0, 3.0, 3.0}).terms)
    CHECK(term.coefficient == 0.0);
  const StdNormalized one{.queries = 1};
  CHECK_THROWS_WITH(zofo::estimate_of(one, 0, std::vector<double>{3.0, 3.0}), contains("queries = 1"));
  CHECK_THROWS_WITH(one.check(), contains("queries = 1"));
}
