#include "zofo/bilevel/solver_file.hpp"

#include <Eigen/Core>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bilevel/noisy_tasks.hpp"
#include "catch.hpp"
#include "contains.hpp"
#include "message.hpp"
#include "zofo/bilevel/single_level.hpp"
#include "zofo/zofo.hpp"

using Eigen::VectorXd;
using namespace zofo;

namespace {

std::filesystem::path solver_file(const std::string& name) {
  return std::filesystem::path(ZOFO_BINARY_DIR) / ("solver_file_test_" + name);
}
std::string file_contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
BilevelOptions file_options() {
  return {.outer_steps = 13, .inner_steps = 3, .penalty = 5, .seed = 4, .tasks_per_step = 2};
}
BilevelOptions options_of_one() { return {.outer_steps = 13, .inner_steps = 3, .penalty = 5}; }

// 13 steps without a break, and 6 and 7 steps with a file in between: θ, adapters and state have the same
// bits.
template <class Policies>
void same_after_a_file(const Policies& policies) {
  auto tasks = noisy_tasks();
  NoisyStart whole;
  Solver one(tasks, policies, file_options());
  one.solve(whole.theta, whole.adapters);
  save(one, whole.theta, whole.adapters, solver_file("whole"));

  {
    NoisyStart first;
    Solver before(tasks, policies, file_options());
    before.solve(first.theta, first.adapters, NullObserver{}, 6);
    save(before, first.theta, first.adapters, solver_file("half"));
    save_without_theta(before, first.adapters, solver_file("no_theta"));
    // Without θ in the file: θ continues from where it is.
    NoisyStart other;
    Solver after(tasks, policies, file_options());
    load_without_theta(after, first.theta, other.adapters, solver_file("no_theta"));
    after.solve(first.theta, other.adapters, NullObserver{}, 7);
    CHECK(first.theta == whole.theta);
  }
  NoisyStart second;
  Solver after(tasks, policies, file_options());
  load(after, second.theta, second.adapters, solver_file("half"));
  CHECK(after.state().step == 6);
  after.solve(second.theta, second.adapters, NullObserver{}, 7);
  CHECK(second.theta == whole.theta);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(second.adapters[i].upper == whole.adapters[i].upper);
    CHECK(second.adapters[i].lower == whole.adapters[i].lower);
  }
  CHECK(after.state().evaluations == one.state().evaluations);
  save(after, second.theta, second.adapters, solver_file("two_halves"));
  CHECK(file_contents(solver_file("two_halves")) == file_contents(solver_file("whole")));
}

// A perturbation whose state is the sum of the signs of the coefficients of past updates.
struct Leaning {
  struct State {
    double lean = 1.0;
    template <class A>
    void fields(A& archive) {
      archive(lean);
    }
  };
  struct Now {
    double lean;
    void add(VectorXd& theta, Direction direction, double a) const {
      Gaussian{}.add(theta, direction, a * lean);
    }
  };
  [[nodiscard]] Now at(const State& state) const { return {state.lean}; }
  void learn(const ZoGradient& update, State& state) const {
    for (const ZoTerm& term : update.terms) state.lean = 1.0 + 0.1 * std::tanh(state.lean + term.coefficient);
  }
};

const Central kTwoQueries{.epsilon = 1e-2, .queries = 2};

}  // namespace

TEST_CASE("a run resumes to the bit from a file, with every estimator", "[bilevel]") {
  same_after_a_file(Policies{.estimator = kTwoQueries, .outer = outer::Sgd{.rate = 0.02}});
  same_after_a_file(Policies{.estimator = variance::Svrg{.estimator = kTwoQueries, .period = 4, .batches = 2},
                             .outer = outer::Sgd{.rate = 0.02}});
  same_after_a_file(
      Policies{.estimator = variance::Spider{.estimator = kTwoQueries, .period = 4, .batches = 2},
               .outer = outer::Momentum{.rate = 0.01}});
  same_after_a_file(Policies{.estimator = variance::Storm{.estimator = kTwoQueries, .weight = 0.3},
                             .outer = outer::RmsScalar{.rate = 0.01}});
  same_after_a_file(
      Policies{.estimator = OnePointResidual{.epsilon = 0.1}, .outer = outer::Adam{.rate = 0.01}});
}

TEST_CASE("a run resumes to the bit from a file, with every optimiser", "[bilevel]") {
  same_after_a_file(Policies{.estimator = kTwoQueries, .outer = outer::Adam{.rate = 0.01}});
  same_after_a_file(Policies{.estimator = kTwoQueries, .outer = outer::Lion{.rate = 0.01}});
  same_after_a_file(Policies{.estimator = kTwoQueries,
                             .outer = outer::Projected{outer::Momentum{.rate = 0.01}, outer::Box{-1, 1}},
                             .lower = inner::Sgd{.rate = 0.1, .momentum = 0.5}});
  same_after_a_file(Policies{.perturbation = Gaussian{},
                             .estimator = kTwoQueries,
                             .outer = outer::RmsScalar{.rate = 0.01},
                             .lower = inner::Lbfgs{.memory = 2}});
  same_after_a_file(Policies{.perturbation = Leaning{},
                             .estimator = kTwoQueries,
                             .outer = outer::Sgd{.rate = 0.01},
                             .lower = inner::Nesterov{.rate = 0.1}});
}

TEST_CASE("theta and adapters in the caller's memory resume to the bit", "[bilevel]") {
  using Map = Eigen::Map<Eigen::VectorXf>;
  const auto f = [](const Map& t, const std::span<double>& p) {
    return double(t.squaredNorm()) + p[0] * p[0] + double(t[0]) * p[1];
  };
  const auto df = [f](const Map& t, const std::span<double>& p, std::span<double>& g) {
    g[0] = 2 * p[0];
    g[1] = double(t[0]);
    return f(t, p);
  };
  const auto g = [](const Map& t, const std::span<double>& p) {
    return (p[0] - double(t[1])) * (p[0] - double(t[1])) + p[1] * p[1];
  };
  const auto dg = [g](const Map& t, const std::span<double>& p, std::span<double>& out) {
    out[0] = 2 * (p[0] - double(t[1]));
    out[1] = 2 * p[1];
    return g(t, p);
  };
  auto problem = simple_problem<Map, std::span<double>>(f, df, g, dg);
  const Policies policies{.estimator = variance::Svrg{.estimator = kTwoQueries, .period = 3, .batches = 2},
                          .outer = outer::Momentum{.rate = 0.01}};
  struct Buffers {
    std::vector<float> theta{1, -1, 0.5F};
    std::vector<double> p{1, 1}, s{1, 1};
    Map map{theta.data(), 3};
    AdapterPair<std::span<double>> pair{std::span(p), std::span(s)};
  };
  Buffers whole, half, rest;
  Solver one(problem, policies, options_of_one());
  one.solve(whole.map, whole.pair);
  Solver before(problem, policies, options_of_one());
  before.solve(half.map, half.pair, NullObserver{}, 5);
  save(before, half.map, half.pair, solver_file("views"));
  Solver after(problem, policies, options_of_one());
  load(after, rest.map, rest.pair, solver_file("views"));
  CHECK(rest.theta == half.theta);  // in the caller's buffer
  CHECK(rest.p == half.p);
  after.solve(rest.map, rest.pair, NullObserver{}, 8);
  CHECK(rest.theta == whole.theta);
  CHECK(rest.p == whole.p);
  CHECK(rest.s == whole.s);
}

TEST_CASE("a file of another run is refused and nothing changes", "[bilevel]") {
  auto tasks = noisy_tasks();
  const Policies policies{.estimator = kTwoQueries, .outer = outer::Momentum{.rate = 0.01}};
  NoisyStart start;
  Solver solver(tasks, policies, file_options());
  solver.solve(start.theta, start.adapters, NullObserver{}, 3);
  const auto path = solver_file("good"), bad = solver_file("bad");
  save(solver, start.theta, start.adapters, path);

  NoisyStart other;
  Solver svrg(tasks, Policies{.estimator = variance::Svrg{.estimator = kTwoQueries}}, file_options());
  CHECK_THAT(message([&] { load(svrg, other.theta, other.adapters, path); }),
             contains("saved with the policies"));
  auto two = std::vector<NoisyTask>{{0.5}, {-0.2}};
  Solver fewer(two, policies, file_options());
  std::vector pair(other.adapters.begin(), other.adapters.begin() + 2);
  CHECK_THAT(message([&] { load(fewer, other.theta, pair, path); }), contains("3 tasks: must be 2"));
  Solver same(tasks, policies, file_options());
  VectorXd long_theta = VectorXd::Zero(4);
  CHECK_THAT(message([&] { load(same, long_theta, other.adapters, path); }),
             contains("(theta): 3 x 1 numbers: must be 4 x 1"));
  other.adapters[1].lower = VectorXd::Zero(5);
  CHECK_THAT(message([&] { load(same, other.theta, other.adapters, path); }), contains("adapters of task 1"));
  other.adapters[1].lower = VectorXd::Zero(3);
  CHECK_THAT(message([&] { load_without_theta(same, other.theta, other.adapters, path); }),
             contains("contains theta"));
  save_without_theta(solver, start.adapters, bad);
  CHECK_THAT(message([&] { load(same, other.theta, other.adapters, bad); }), contains("contains no theta"));
  const std::string good = file_contents(path);
  std::ofstream(bad, std::ios::binary) << good.substr(0, good.size() / 2);
  CHECK_THAT(message([&] { load(same, other.theta, other.adapters, bad); }), contains("cut short"));
  CHECK(same.state().step == 0);
  CHECK(other.theta == NoisyStart{}.theta);
  CHECK(other.adapters[0].upper == VectorXd::Zero(3));
  load(same, other.theta, other.adapters, path);
  CHECK(same.state().step == 3);
}

TEST_CASE("a problem without adapters is saved too", "[bilevel]") {
  auto problem = single_level<VectorXd>([](const VectorXd& x) { return (x.array() - 1).square().sum(); });
  const Policies policies{
      .estimator = kTwoQueries, .outer = outer::Adam{.rate = 0.05}, .lower = inner::Sgd{}};
  const BilevelOptions loop = BilevelOptions{.outer_steps = 20}.mezo();
  VectorXd whole = VectorXd::Zero(4), half = whole;
  AdapterPair<NoAdapter> none;
  Solver one(problem, policies, loop);
  one.solve(whole, none);
  Solver before(problem, policies, loop);
  before.solve(half, none, NullObserver{}, 9);
  save(before, half, none, solver_file("mezo"));
  VectorXd rest = VectorXd::Zero(4);
  Solver after(problem, policies, loop);
  load(after, rest, none, solver_file("mezo"));
  after.solve(rest, none, NullObserver{}, 11);
  CHECK(rest == whole);
}
