#include "zofo/bilevel/simple_problem.hpp"

#include <Eigen/Core>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

using Eigen::VectorXd;
using namespace zofo;
using problems::Quadratic;

namespace {

Quadratic simple_quadratic() {
  return problems::random_quadratic({VectorXd::Constant(4, 1.0), VectorXd::LinSpaced(3, 1.0, 2.0)}, 3);
}
const std::vector<Probe> kProbes{{{1, 0, 0}, 0.5}, {{1, 0, 0}, -0.5}, {{1, 0, 1}, 0.0}, {{1, 0, 2}, 0.25}};

// G must not be evaluated when λ = 0.
struct NoLower : Quadratic {
  double lower(const VectorXd&, const VectorXd&, BatchKey) const { throw Error("G was evaluated"); }
  double lower_gradient(const VectorXd&, const VectorXd&, BatchKey, VectorXd&) const {
    throw Error("the gradient of G was evaluated");
  }
};

}  // namespace

TEST_CASE("losses are those of the functions at θ + scale·z, and θ is unchanged", "[bilevel]") {
  Quadratic q = simple_quadratic();
  SimpleProblem problem(std::span(&q, 1));
  const VectorXd theta = VectorXd::LinSpaced(4, -1, 1), p = VectorXd::Constant(3, 0.5), s = VectorXd::Zero(3);
  const std::vector<LossRequest<VectorXd>> requests{
      {Level::upper, &p, {}}, {Level::lower, &p, {}}, {Level::lower, &s, {}}};
  std::vector<double> out(kProbes.size() * requests.size());
  problem.losses(theta, Gaussian{}, kProbes, std::span<const LossRequest<VectorXd>>(requests),
                 std::span(out));
  for (std::size_t i = 0; i < kProbes.size(); ++i) {
    VectorXd z(4);
    normals(kProbes[i].direction, 0, 0, z.data(), 4);
    const VectorXd at = theta + kProbes[i].scale * z;
    CHECK(out[3 * i] == Approx(q.upper(at, p)));
    CHECK(out[3 * i + 1] == Approx(q.lower(at, p)));
    CHECK(out[3 * i + 2] == Approx(q.lower(at, s)));
  }
  CHECK(theta == VectorXd::LinSpaced(4, -1, 1));
}

TEST_CASE("with λ = 0 the lower level is not evaluated", "[bilevel]") {
  NoLower q{simple_quadratic()};
  Solver solver(q, Policies{.lower = inner::Sgd{.rate = 0.01}},
                BilevelOptions{.outer_steps = 3, .penalty = 0.0, .train_lower = false});
  VectorXd theta = VectorXd::Zero(4);
  AdapterPair pair{VectorXd(VectorXd::Zero(3)), VectorXd(VectorXd::Zero(3))};
  Solution end;
  CHECK_NOTHROW(end = solver.solve(theta, pair));
  CHECK(std::isnan(end.last.lower_p));
  CHECK(end.last.upper < q.upper(VectorXd::Zero(4), VectorXd::Zero(3)));
}

TEST_CASE("a gradient request is its weighted sum, and a part of weight 0 is not evaluated", "[bilevel]") {
  Quadratic q = simple_quadratic();
  SimpleProblem problem(std::span(&q, 1));
  const VectorXd theta = VectorXd::LinSpaced(4, -1, 1), p = VectorXd::LinSpaced(3, 0, 1);
  const double upper = GENERATE(0.0, 1.0, 0.25), lower = GENERATE(1.0, 20.0);
  VectorXd g(3);
  GradientRequest<VectorXd> request{&p, upper, lower, {}, &g, 0.0};
  problem.gradients(theta, std::span(&request, 1));
  const auto f = [&](const VectorXd& x) { return upper * q.upper(theta, x) + lower * q.lower(theta, x); };
  CHECK(request.value == Approx(f(p)));
  const double h = 1e-3;  // central differences are exact on a quadratic
  for (Eigen::Index i = 0; i < 3; ++i) {
    const VectorXd e = h * VectorXd::Unit(3, i);
    CHECK(g[i] == Approx((f(p + e) - f(p - e)) / (2 * h)));
  }
}

TEST_CASE("four functions make a problem, with mini-batches or without", "[bilevel]") {
  Quadratic q = simple_quadratic();
  std::vector<BatchKey> seen;
  auto problem = simple_problem<VectorXd, VectorXd>(
      [&](const VectorXd& theta, const VectorXd& p, BatchKey batch) {
        seen.push_back(batch);
        return q.upper(theta, p);
      },
      [&](const VectorXd& theta, const VectorXd& p, BatchKey batch, VectorXd& g) {
        return q.upper_gradient(theta, p, batch, g);
      },
      [&](const VectorXd& theta, const VectorXd& p) { return q.lower(theta, p); },
      [&](const VectorXd& theta, const VectorXd& p, VectorXd& g) {
        return q.lower_gradient(theta, p, {}, g);
      });
  const Policies policies{.outer = outer::Sgd{.rate = 0.02}, .lower = inner::Sgd{.rate = 0.1}};
  const BilevelOptions options{.outer_steps = 50, .seed = 4};
  Solver mine(problem, policies, options);
  Solver own(q, policies, options);
  VectorXd theta = VectorXd::Zero(4), other = theta;
  AdapterPair pair{VectorXd(VectorXd::Zero(3)), VectorXd(VectorXd::Zero(3))}, same = pair;
  mine.solve(theta, pair);
  own.solve(other, same);
  CHECK(theta == other);
  CHECK(pair.upper == same.upper);
  CHECK(seen.size() == 100);
  for (const BatchKey& key : seen) CHECK(key.seed == 4);
}
