// λ does not change which learning rate is stable, and the message of a run that diverges has the place and
// the rate to lower.
#include <Eigen/Core>
#include <cmath>
#include <string>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "message.hpp"
#include "zofo/problems/quadratic.hpp"
#include "zofo/zofo.hpp"

using Eigen::VectorXd;
using namespace zofo;

namespace {

struct Run {
  VectorXd theta = VectorXd::Zero(8);
  AdapterPair<VectorXd> adapters{VectorXd::Zero(8), VectorXd::Zero(8)};
};
// examples/quadratic.
problems::Quadratic example() {
  const VectorXd ones = VectorXd::Ones(8);
  return problems::random_quadratic({.upper = ones, .lower = ones}, 1);
}
auto policies(double rate) {
  return Policies{.estimator = Central{.epsilon = 1e-3, .queries = 2},
                  .outer = outer::Sgd{.rate = 0.02},
                  .lower = inner::GradientDescent{.rate = rate}};
}
double end_gradient(double penalty, double rate, Run& run) {
  auto problem = example();
  Solver solver{problem, policies(rate), {.outer_steps = 2000, .inner_steps = 5, .penalty = penalty}};
  solver.solve(run.theta, run.adapters);
  return problem.phi_gradient(run.theta).norm();
}

// Diverges in one level of one task: G has curvature 1 or `curvature`.
struct Steep {
  using Theta = VectorXd;
  using Adapter = VectorXd;
  double lower_curvature = 1.0, upper_curvature = 0.0;
  double upper(const VectorXd& theta, const VectorXd& p, BatchKey) const {
    return 0.5 * upper_curvature * p.squaredNorm() + theta.squaredNorm();
  }
  double upper_gradient(const VectorXd& theta, const VectorXd& p, BatchKey batch, VectorXd& g) const {
    g = upper_curvature * p;
    return upper(theta, p, batch);
  }
  double lower(const VectorXd&, const VectorXd& p, BatchKey) const {
    return 0.5 * lower_curvature * p.squaredNorm();
  }
  double lower_gradient(const VectorXd& theta, const VectorXd& p, BatchKey batch, VectorXd& g) const {
    g = lower_curvature * p;
    return lower(theta, p, batch);
  }
};
// The message of a run of these tasks from p = s = 1.
std::string said(std::vector<Steep> tasks, BilevelOptions options, double rate_s, double rate_p,
                 double* largest = nullptr) {
  VectorXd theta = VectorXd::Ones(2);
  std::vector<AdapterPair<VectorXd>> adapters(tasks.size(), {VectorXd::Ones(2), VectorXd::Ones(2)});
  Solver solver{tasks,
                Policies{.lower = inner::GradientDescent{.rate = rate_s},
                         .upper = inner::GradientDescent{.rate = rate_p}},
                options};
  double seen = 0.0;
  const std::string text = message([&] {
    solver.solve(theta, adapters, [&](const StepReport& report) {
      seen = std::max({seen, report.inner_value_s, report.inner_value_p});
      return true;
    });
  });
  if (largest != nullptr) *largest = seen;
  return text;
}

}  // namespace

TEST_CASE("one learning rate solves the README's example at every penalty", "[bilevel]") {
  // p steps on (F + λG)/(1 + λ), whose curvature is 1 at every λ here. The bias is as 1/λ.
  for (const double penalty : {10.0, 20.0, 100.0, 1e4}) {
    INFO("penalty " << penalty);
    Run run;
    const double gradient = end_gradient(penalty, 0.1, run);
    CHECK(gradient < 0.6 / penalty + 0.1);
    CHECK(run.theta.allFinite());
  }
}

TEST_CASE("without normalisation the same rate diverges, and the message reports it", "[bilevel]") {
  auto problem = example();
  Run run;
  Solver solver{problem, policies(0.1), {.outer_steps = 2000, .penalty = 100, .normalize_penalty = false}};
  const std::string text = message([&] { solver.solve(run.theta, run.adapters); });
  CHECK_THAT(text, contains("p (upper adapter)"));
  CHECK_THAT(text, contains("the loss diverges"));
  CHECK_THAT(text, contains("a lower learning rate of p"));
  CHECK(run.theta.allFinite());
  CHECK(run.adapters.upper.allFinite());
}

TEST_CASE("a loss far above its start is caught while it is finite", "[bilevel]") {
  const BilevelOptions options{.outer_steps = 100, .inner_steps = 4, .penalty = 3};
  double largest = 0.0;
  // s ← (1 − 3) s: the loss is 4ᵏ after k updates; growth between the updates of a round, of v + 1, is
  // (65/2) (4097/257) = 518 after seven and 2073 > 1000 in the eighth, where the loss is 4⁷ = 16384.
  const std::string lower = said({{1.0}}, options, 3.0, 0.1, &largest);
  CHECK_THAT(lower, contains("outer step 1, inner step 3, s (lower adapter): the loss diverges: it is 16384 "
                             "and was 1 at first"));
  CHECK_THAT(lower, contains("a lower learning rate of s may help"));
  CHECK_THAT(lower, contains("divergence_factor = 1000"));
  CHECK(largest <= 4096.0);
  const std::string upper = said({{1.0}}, options, 0.1, 4.0);
  CHECK_THAT(upper, contains("p (upper adapter)"));
  CHECK_THAT(upper, contains("a lower learning rate of p may help"));
  const std::string task = said({{1.0}, {1.0}, {30.0}}, options, 0.1, 0.01);
  CHECK_THAT(task, contains("task 2, s (lower adapter)"));
  CHECK_THAT(said({{1.0}}, {.outer_steps = 900, .divergence_factor = 0.0}, 3.0, 0.1),
             contains("must be finite"));
  CHECK(said({{1.0}}, options, 0.5, 0.5).empty());
}

TEST_CASE("the limit follows the first loss where that is above 1", "[bilevel]") {
  // ½ · 10⁶ · 2 at first, which falls: nothing diverges.
  CHECK(said({{1e6}}, {.outer_steps = 50, .penalty = 3}, 1e-6, 1e-6).empty());
}
