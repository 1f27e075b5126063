#include "zofo/estimate/one_point_residual.hpp"

#include <Eigen/Core>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "estimate/statistics.hpp"
#include "zofo/perturb/gaussian.hpp"

using Eigen::VectorXd;
using zofo::Gaussian;
using zofo::OnePointResidual;
using zofo::ZoGradient;

static_assert(zofo::StatefulEstimator<OnePointResidual> && zofo::ZOEstimator<OnePointResidual>);
static_assert(!zofo::OuterZOEstimator<OnePointResidual>);

TEST_CASE("the residual estimate by hand", "[estimate]") {
  const OnePointResidual residual{.epsilon = 0.5, .queries = 2, .seed = 9};
  OnePointResidual::State state;
  std::vector<zofo::Probe> probes;
  residual.probes(3, state, probes);
  REQUIRE(probes.size() == 2);
  CHECK(probes[1] == zofo::Probe{{9, 3, 1}, 0.5});
  ZoGradient g;
  residual.combine(3, std::vector<double>{1.0, 4.0}, state, g);
  REQUIRE(g.terms.size() == 2);
  CHECK((g.terms[0].coefficient == 0.0 && g.terms[1].coefficient == 0.0));  // no step before
  residual.combine(4, std::vector<double>{2.0, 1.0}, state, g);
  CHECK(g.terms[0].coefficient == Approx((2.0 - 1.0) / 0.5 / 2));
  CHECK(g.terms[1].coefficient == Approx((1.0 - 4.0) / 0.5 / 2));
  CHECK(g.terms[1].direction == zofo::Direction{9, 4, 1});
  CHECK(g.queries == 2.0);
}

// On f(θ) = gᵀθ at a fixed θ the coefficient is gᵀ(zₖ − zₖ₋₁): for Gaussian z the estimate has mean g, and
// E‖ĝ‖² = E[(gᵀz)²‖z‖²] + E[(gᵀz)²] d = (2d + 2)‖g‖². Estimates two steps apart are independent, so that
// those of even steps have the plain standard error; five of them: a false alarm in 6e-7 each.
TEST_CASE("its mean and second moment on a linear function", "[estimate]") {
  const VectorXd g = VectorXd::LinSpaced(6, -1.0, 2.0), theta = VectorXd::Constant(6, 0.7);
  const OnePointResidual residual{.epsilon = 0.1, .queries = 1, .seed = 12};
  OnePointResidual::State state;
  statistics::Mean mean(6), moment(1);
  std::vector<zofo::Probe> probes;
  ZoGradient estimate;
  for (std::uint32_t k = 0; k < 200000; ++k) {
    residual.probes(k, state, probes);
    VectorXd x = theta;
    Gaussian{}.add(x, probes[0].direction, probes[0].scale);
    residual.combine(k, std::vector<double>{g.dot(x)}, state, estimate);
    if (k % 2 == 1) {
      VectorXd e = VectorXd::Zero(6);
      Gaussian{}.add(e, estimate.terms[0].direction, estimate.terms[0].coefficient);
      mean.add(e);
      moment.add(VectorXd::Constant(1, e.squaredNorm() / g.squaredNorm()));
    }
  }
  CHECK(mean.deviation(g) < 5.0);
  CHECK(moment.deviation(VectorXd::Constant(1, 14.0)) < 5.0);
  CHECK(moment.deviation(VectorXd::Constant(1, 8.0)) > 5.0);  // d + 2, of a difference at one step
}

TEST_CASE("it minimises a quadratic with one loss per step", "[estimate]") {
  const OnePointResidual residual{.epsilon = 0.1, .queries = 1, .seed = 4};
  OnePointResidual::State state;
  VectorXd theta = VectorXd::Ones(3);
  std::vector<zofo::Probe> probes;
  ZoGradient estimate;
  for (std::uint32_t k = 0; k < 20000; ++k) {
    residual.probes(k, state, probes);
    VectorXd x = theta;
    Gaussian{}.add(x, probes[0].direction, probes[0].scale);
    residual.combine(k, std::vector<double>{0.5 * x.squaredNorm()}, state, estimate);
    Gaussian{}.add(theta, estimate.terms[0].direction, -1e-3 * estimate.terms[0].coefficient);
  }
  // The residual at the minimum is the noise of ε²‖z‖²/2, of size ε √d: θ stays within rate-sized noise.
  CHECK(theta.norm() < 0.1);
}

TEST_CASE("an error in combine leaves the state unchanged", "[estimate]") {
  const OnePointResidual residual{.queries = 2};
  OnePointResidual::State state{{1.0, 2.0}};
  ZoGradient g;
  CHECK_THROWS_WITH(residual.combine(7, std::vector<double>{1.0, std::nan("")}, state, g),
                    contains("step 7: the loss of probe 1 is nan"));
  CHECK_THROWS_WITH(residual.combine(7, std::vector<double>{1.0}, state, g), contains("1 losses given"));
  CHECK(state.previous == std::vector<double>{1.0, 2.0});
  state.previous.pop_back();
  CHECK_THROWS_WITH(residual.combine(7, std::vector<double>{1.0, 2.0}, state, g),
                    contains("the state holds 1 losses of the step before, queries = 2"));
}

TEST_CASE("a seed that is not given is adopted once, and 0 without a solver", "[estimate]") {
  OnePointResidual residual;
  std::vector<zofo::Probe> probes;
  residual.probes(0, {}, probes);
  CHECK(probes[0].direction.seed == 0);
  zofo::adopt_seed(residual, 5);
  zofo::adopt_seed(residual, 6);
  residual.probes(0, {}, probes);
  CHECK(probes[0].direction.seed == 5);
}
