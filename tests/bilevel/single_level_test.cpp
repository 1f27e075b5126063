#include "zofo/bilevel/single_level.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <set>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "message.hpp"
#include "zofo/core/random.hpp"

using Eigen::MatrixXd;
using Eigen::VectorXd;
using namespace zofo;

TEST_CASE("minimize reaches the closed form of a quadratic", "[bilevel]") {
  const MatrixXd basis = MatrixXd::Random(4, 4), H = basis * basis.transpose() + MatrixXd::Identity(4, 4);
  const VectorXd b = VectorXd::LinSpaced(4, -1, 2), minimum = H.llt().solve(b);
  const auto f = [&](const VectorXd& x) { return 0.5 * x.dot(H * x) - b.dot(x); };
  VectorXd x = VectorXd::Zero(4);
  const Solution end = minimize(f, x, {.steps = 1500, .learning_rate = 0.05, .queries = 4, .seed = 3});
  CHECK((x - minimum).norm() < 1e-6 * minimum.norm());
  CHECK(end.steps == 1500);
  CHECK(end.evaluations.losses == 2 * 4 * 1500);  // two values per direction
  CHECK(end.evaluations.gradients == 0);
  CHECK(end.termination == Termination::budget);
  // The same seed, the same bits; another one, other directions.
  VectorXd again = VectorXd::Zero(4), other = again;
  minimize(f, again, {.steps = 1500, .learning_rate = 0.05, .queries = 4, .seed = 3});
  CHECK(again == x);
  minimize(f, other, {.steps = 1500, .learning_rate = 0.05, .queries = 4, .seed = 4});
  CHECK(other != x);
}

TEST_CASE("minimize takes a function of mini-batches, the same for all losses of a step", "[bilevel]") {
  // Mean over the mini-batches: ½‖x − 1‖².
  std::set<std::uint32_t> steps;
  std::size_t calls = 0;
  const auto f = [&](const VectorXd& x, BatchKey batch) {
    steps.insert(batch.step);
    ++calls;
    VectorXd noise(3);
    normals(Direction{batch.seed, batch.step, batch.stream}, 9, 0, noise.data(), 3);
    return 0.5 * (x.array() - 1.0).square().sum() + 0.5 * noise.dot(x);
  };
  VectorXd x = VectorXd::Zero(3);
  minimize(f, x, {.steps = 4000, .learning_rate = Schedule::inverse_sqrt(0.2), .queries = 2});
  CHECK(steps.size() == 4000);
  CHECK(calls == 4 * 4000);
  CHECK((x - VectorXd::Ones(3)).norm() < 0.15);
}

TEST_CASE("an observer sees each step of minimize and ends it", "[bilevel]") {
  std::vector<double> losses;
  std::vector<float> x{3.0F, -2.0F};
  const auto f = [](const std::vector<float>& v) { return double{v[0]} * v[0] + double{v[1]} * v[1]; };
  const Solution end = minimize(f, x, {.steps = 500, .learning_rate = 0.1}, [&](const StepReport& report) {
    losses.push_back(report.upper);
    return report.upper > 0.5;
  });
  CHECK(end.termination == Termination::observer);
  CHECK(end.steps == losses.size());
  CHECK(losses.size() > 3);
  CHECK(losses.size() < 100);
  CHECK(losses.back() <= 0.5);
}

TEST_CASE("minimize reports errors in its options and its function", "[bilevel]") {
  VectorXd x = VectorXd::Ones(2), empty;
  const auto f = [](const VectorXd& v) { return v.squaredNorm(); };
  CHECK_THAT(message([&] { minimize(f, x, {.queries = 0}); }), contains("queries = 0"));
  CHECK_THAT(message([&] { minimize(f, x, {.epsilon = 0.0}); }), contains("epsilon"));
  CHECK_THAT(message([&] { minimize(f, x, {.steps = 0}); }), contains("outer_steps = 0"));
  CHECK_THAT(message([&] { minimize(f, empty); }), contains("theta has no coordinates"));
  CHECK_THAT(message([&] { minimize([](const VectorXd&) { return 0.0 / 0.0; }, x); }),
             contains("must be finite"));
  CHECK(x == VectorXd::Ones(2));
}
