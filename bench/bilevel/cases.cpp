#include "bilevel/cases.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "bilevel/binary_referee.hpp"
#include "bilevel/referee.hpp"
#include "zofo/core/random.hpp"
#include "zofo/hypergradient/implicit_gradient.hpp"
#include "zofo/problems/hypercleaning.hpp"
#include "zofo/problems/linear_meta_family.hpp"
#include "zofo/problems/logistic.hpp"
#include "zofo/problems/nonconvex_upper.hpp"
#include "zofo/problems/pl_lower.hpp"
#include "zofo/problems/quadratic.hpp"
#include "zofo/problems/ridge.hpp"

namespace zofo::bench {
namespace {

// φ and ∇φ in closed form.
template <class Problem>
void closed_form(Instance& instance, const std::shared_ptr<const Problem>& problem) {
  instance.phi = [=](const Vector& t) { return problem->phi(t); };
  instance.phi_gradient = [=](const Vector& t) { return problem->phi_gradient(t); };
}

// φ and ∇φ by the fast referee, which is checked once against the library's `reference`.
template <class Problem>
std::shared_ptr<BinaryReferee> by_newton(Instance& instance, const std::shared_ptr<const Problem>& problem,
                                         BinaryReferee::Map map) {
  auto solved = std::make_shared<BinaryReferee>(problem->train(), problem->validation(), std::move(map));
  solved->at(instance.theta);
  const auto other = reference(*problem, instance.theta);
  require(std::abs(other.phi - solved->phi()) <= 1e-8 &&
              (other.phi_gradient - solved->gradient()).norm() <= 1e-6 * other.phi_gradient.norm(),
          "referee: phi = {}: must be {}, the reference solution", solved->phi(), other.phi);
  instance.phi = [=](const Vector& t) {
    solved->at(t);
    return solved->phi();
  };
  instance.phi_gradient = [=](const Vector& t) {
    solved->at(t);
    return solved->gradient();
  };
  return solved;
}

template <class Problem>
Instance plain_instance(const std::shared_ptr<const Problem>& problem) {
  Instance instance;
  instance.problem = any_problem(problem);
  const auto start = problem->start();
  instance.theta = start.theta.reshaped();
  instance.p = start.p.reshaped();
  return instance;
}

// μ and L of G(θ, ·) over the box: least and largest log-penalties; rates of θ from the size of ∇φ(θ_0).
void learnt_weights(Instance& instance, double convexity, double smoothness, double upper_smoothness) {
  instance.convexity = convexity;
  instance.smoothness = smoothness;
  instance.upper_smoothness = upper_smoothness;
  instance.rate_unit = 1 / instance.phi_gradient(instance.theta).norm();
  instance.lowest = lowest_phi(instance.phi, instance.phi_gradient, instance.theta, instance.box, 200);
  require(instance.lowest < instance.phi(instance.theta) - 1e-6,
          "referee: phi is minimal at the start: must decrease");
}

Instance quadratic(std::uint64_t seed) {
  using namespace problems;
  const auto problem =
      std::make_shared<const Quadratic>(random_quadratic({.upper = Vector::LinSpaced(20, 0.5, 2),
                                                          .lower = Vector::LinSpaced(10, 1, 10),
                                                          .coupling = 0.5,
                                                          .adapter_weight = 2},
                                                         seed));
  Instance instance = plain_instance(problem);
  closed_form(instance, problem);
  const Constants k = problem->constants();
  instance.smoothness = k.smoothness;
  instance.convexity = k.mu;
  instance.upper_smoothness = k.upper_smoothness;
  instance.rate_unit = 1 / k.phi_smoothness;
  instance.lowest = problem->phi(problem->phi_minimiser());
  return instance;
}

Instance nonconvex_upper(std::uint64_t seed) {
  using namespace problems;
  const auto problem = std::make_shared<const NonconvexUpper>(
      random_nonconvex_upper({.upper = Vector::LinSpaced(20, 0.5, 2),
                              .lower = Vector::LinSpaced(10, 1, 10),
                              .coupling = 0.5,
                              .adapter_weight = 2},
                             {.amplitude = 0.5, .frequency = 3}, {.amplitude = 0.5, .frequency = 2}, seed));
  Instance instance = plain_instance(problem);
  closed_form(instance, problem);
  const Constants k = problem->constants();
  instance.smoothness = k.smoothness;
  instance.convexity = k.mu;
  instance.upper_smoothness = k.upper_smoothness;
  instance.rate_unit = 1 / k.phi_smoothness;
  return instance;
}

Instance pl_lower(std::uint64_t seed) {
  using namespace problems;
  const auto problem = std::make_shared<const PlLower>();
  Instance instance = plain_instance(problem);
  double u = 0;
  uniforms(Direction{seed, 0, 0}, 0, 0, &u, 1);
  instance.theta[0] = 2.2 + 0.4 * u;
  closed_form(instance, problem);
  const Constants k = problem->constants();
  instance.box = {PlLower::kLow, PlLower::kHigh};
  instance.smoothness = k.smoothness;
  instance.convexity = k.smoothness;  // not convex: gradient descent, which suits PL functions
  instance.upper_smoothness = k.upper_smoothness;
  instance.rate_unit = 1 / k.phi_smoothness;
  return instance;
}

Instance ridge(std::uint64_t seed) {
  using namespace problems;
  const auto problem = std::make_shared<const Ridge>(random_ridge({.features = 20}, seed));
  Instance instance = plain_instance(problem);
  closed_form(instance, problem);
  instance.box = {-4, 2};
  const Constants k = problem->constants();
  learnt_weights(instance, std::exp(instance.box.low), k.smoothness - 1 + std::exp(instance.box.high),
                 k.upper_smoothness);
  return instance;
}

constexpr double kCleaningRidge = 1e-2;

Instance cleaning(const std::shared_ptr<const problems::HyperCleaning>& problem, std::vector<bool> corrupted,
                  const problems::ClassRows* test) {
  Instance instance = plain_instance(problem);
  const auto n = static_cast<double>(problem->train().size());
  const auto solved = by_newton(instance, problem, [=](const Vector& theta) -> RowsAndPenalties {
    const Vector s = (1 + (-theta.array()).exp()).inverse();
    const Vector penalties = Vector::Constant(problem->train().features.cols(), kCleaningRidge);
    return {s / n, penalties, s.cwiseProduct((1 - s.array()).matrix()) / n, {}};
  });
  instance.box = {-4, 4};
  const problems::Constants k = problem->constants();
  learnt_weights(instance, k.mu, k.smoothness, k.upper_smoothness);
  instance.extras = [=, corrupted = std::move(corrupted)](const Vector& theta) {
    std::map<std::string, double> scores{{"auc", problems::auc(theta, corrupted)}};
    if (test != nullptr) {
      solved->at(theta);
      scores["test_accuracy"] = problem->accuracy(*test, solved->p());
    }
    return scores;
  };
  return instance;
}

Instance hypercleaning(std::uint64_t seed) {
  auto made =
      problems::random_hyper_cleaning({.train = 60, .validation = 100, .ridge = kCleaningRidge}, seed);
  return cleaning(std::make_shared<const problems::HyperCleaning>(std::move(made.problem)),
                  std::move(made.corrupted), nullptr);
}

constexpr Eigen::Index kTextRows = 200;  // examples of each level

Instance hypercleaning_sst2(std::uint64_t seed, const TextData& text) {
  auto sets = text.split(kTextRows, seed);
  std::vector<bool> corrupted = problems::corrupt_labels(sets[0], 2, 0.3, seed);
  return cleaning(std::make_shared<const problems::HyperCleaning>(std::move(sets[0]), std::move(sets[1]), 2,
                                                                  kCleaningRidge),
                  std::move(corrupted), &text.test);
}

Instance regularise_sst2(std::uint64_t seed, const TextData& text) {
  using namespace problems;
  auto sets = text.split(kTextRows, seed);
  const Eigen::Index f = sets[0].features.cols();
  const auto problem = std::make_shared<const Logistic>(std::move(sets[0]), std::move(sets[1]), 2,
                                                        PenaltyGroups::per_feature(f));
  Instance instance = plain_instance(problem);
  const auto n = problem->train().size();
  const auto solved = by_newton(instance, problem, [n](const Vector& theta) -> RowsAndPenalties {
    const Vector penalties = theta.array().exp();
    return {Vector::Constant(n, 1 / static_cast<double>(n)), penalties, {}, penalties};
  });
  instance.box = {-5, 1};
  const Constants k = problem->constants();
  learnt_weights(instance, std::exp(instance.box.low), k.smoothness - 1 + std::exp(instance.box.high),
                 k.upper_smoothness);
  instance.extras = [=, &text](const Vector& theta) {
    solved->at(theta);
    return std::map<std::string, double>{{"test_accuracy", problem->accuracy(text.test, solved->p())}};
  };
  return instance;
}

Instance linear_meta(std::uint64_t seed) {
  using namespace problems;
  const auto family = std::make_shared<const LinearMetaFamily>(linear_meta_family({.training = 8}, seed));
  Instance instance;
  double convexity = std::numeric_limits<double>::infinity(), smoothness = 0, upper_smoothness = 0,
         phi_smoothness = 0;
  for (const MadeTask& task : family->training) {
    instance.tasks.push_back(any_problem(std::make_shared<const LinearMetaTask>(task.problem)));
    const Constants k = task.problem.constants();
    convexity = std::min(convexity, k.mu);
    smoothness = std::max(smoothness, k.smoothness);
    upper_smoothness = std::max(upper_smoothness, k.upper_smoothness);
    phi_smoothness = std::max(phi_smoothness, k.phi_smoothness);
  }
  const auto start = family->training[0].problem.start();
  const auto n = static_cast<double>(instance.tasks.size());
  instance.problem = mean_of_tasks(instance.tasks, start.p.size());
  instance.theta = start.theta.reshaped();
  instance.p = Vector::Zero(start.p.size() * static_cast<Eigen::Index>(instance.tasks.size()));
  instance.convexity = convexity / n;
  instance.smoothness = smoothness / n;  // a task's adapter has the weight 1/n in the mean
  instance.upper_smoothness = upper_smoothness / n;
  instance.rate_unit = 1 / phi_smoothness;
  const auto matrix = [o = start.theta.rows(), i = start.theta.cols()](const Vector& w) -> Matrix {
    return w.reshaped(o, i);
  };
  instance.phi = [=](const Vector& w) { return family->phi(matrix(w)); };
  instance.phi_gradient = [=](const Vector& w) -> Vector {
    return family->phi_gradient(matrix(w)).reshaped();
  };
  instance.lowest = family->phi(family->phi_minimiser());
  instance.extras = [=](const Vector& w) {
    return std::map<std::string, double>{{"unseen_error", family->adapted_error(matrix(w))}};
  };
  return instance;
}

template <class Problem>
std::string cited(const Problem& problem) {
  return std::string(problem.citation());
}

}  // namespace

std::vector<Case> all_cases() {
  using namespace problems;
  const auto made = [](Instance (*make)(std::uint64_t)) {
    return [=](std::uint64_t seed, const TextData*) { return make(seed); };
  };
  const auto real = [](Instance (*make)(std::uint64_t, const TextData&)) {
    return [=](std::uint64_t seed, const TextData* text) { return make(seed, *text); };
  };
  std::vector<Case> cases;
  cases.push_back({{.name = "quadratic", .title = "Quadratic over quadratic", .citation = cited(Quadratic{})},
                   made(quadratic)});
  cases.push_back({{.name = "nonconvex_upper",
                    .title = "Nonconvex upper level",
                    .citation = cited(NonconvexUpper{}),
                    .by_gradient = true,
                    .target = 0.1},
                   made(nonconvex_upper)});
  cases.push_back({{.name = "pl_lower",
                    .title = "Nonconvex lower level (PL)",
                    .citation = cited(PlLower{}),
                    .by_gradient = true,
                    .target = 0.1,
                    .budget = 2e4},
                   made(pl_lower)});
  cases.push_back({{.name = "ridge",
                    .title = "Learn to regularise: ridge regression",
                    .citation = cited(random_ridge({}, 0))},
                   made(ridge)});
  cases.push_back({{.name = "hypercleaning",
                    .title = "Data hyper-cleaning",
                    .citation = cited(random_hyper_cleaning({}, 0).problem)},
                   made(hypercleaning)});
  cases.push_back({{.name = "linear_meta",
                    .title = "Linear meta-learning",
                    .citation = cited(linear_meta_family({}, 0).training[0].problem),
                    .budget = 2e4},
                   made(linear_meta)});
  cases.push_back({{.name = "regularise_sst2",
                    .title = "Learn to regularise: logistic regression on SST-2",
                    .citation = cited(random_logistic({}, 0)),
                    .target = 0.1,
                    .budget = 2e4},
                   real(regularise_sst2),
                   true});
  cases.push_back({{.name = "hypercleaning_sst2",
                    .title = "Data hyper-cleaning on SST-2",
                    .citation = cited(random_hyper_cleaning({}, 0).problem),
                    .target = 0.1,
                    .budget = 1e4},
                   real(hypercleaning_sst2),
                   true});
  return cases;
}

}  // namespace zofo::bench
