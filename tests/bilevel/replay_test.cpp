#include "zofo/bilevel/replay.hpp"

#include <Eigen/Core>
#include <filesystem>
#include <vector>

#include "bilevel/noisy_tasks.hpp"
#include "catch.hpp"
#include "contains.hpp"
#include "message.hpp"
#include "zofo/zofo.hpp"

using Eigen::VectorXd;
using namespace zofo;

namespace {

// One coordinate has longer steps than the others; the largest coefficient determines which one.
struct Learnt {
  struct State {
    std::uint32_t favourite = 0;
    double length = 1.0;
    template <class A>
    void fields(A& archive) {
      archive(favourite, length);
    }
  };
  struct Now {
    State state;
    void add(VectorXd& theta, Direction direction, double a) const {
      Rademacher{}.add(theta, direction, a);
      theta[state.favourite] += a * state.length;
    }
  };
  [[nodiscard]] Now at(const State& state) const { return {state}; }
  void learn(const ZoGradient& update, State& state) const {
    state.favourite = (state.favourite + 1) % 3;
    state.length = 0.5 + std::abs(std::tanh(update.terms.at(0).coefficient));
  }
};

template <class Policies>
void replayed(const Policies& policies) {
  auto tasks = noisy_tasks();
  NoisyStart run;
  const auto path = std::filesystem::path(ZOFO_BINARY_DIR) / "replay_test.jsonl";
  std::filesystem::remove(path);
  Solver solver(tasks, policies, {.outer_steps = 12, .inner_steps = 2, .penalty = 5});
  std::vector<VectorXd> thetas{run.theta};
  solver.solve(run.theta, run.adapters, Observers{TrajectoryLog(path), [&](const StepReport&) {
                                                    thetas.push_back(run.theta);
                                                    return true;
                                                  }});
  const std::vector<TrajectoryStep> updates = read_trajectory(path);
  REQUIRE(updates.size() == 12);
  VectorXd theta = thetas[0];
  const auto end =
      replay(std::span<const TrajectoryStep>(updates), policies.perturbation, policies.outer, theta);
  CHECK(theta == run.theta);
  CHECK(end.step == 12);

  // In two parts, every θ on the way.
  theta = thetas[0];
  decltype(replay(std::span<const TrajectoryStep>(updates), policies.perturbation, policies.outer,
                  theta)) state;
  theta = thetas[0];
  const auto same = [&](std::uint32_t k) { CHECK(theta == thetas[k]); };
  const std::span<const TrajectoryStep> all(updates);
  replay(all.first(5), policies.perturbation, policies.outer, theta, state, same);
  replay(all.subspan(5), policies.perturbation, policies.outer, theta, state, same);
  CHECK_THAT(message([&] { replay(all, policies.perturbation, policies.outer, theta, state, same); }),
             contains("an update of step 0: must be of step 12"));
  std::filesystem::remove(path);
}

const Central kCentral{.epsilon = 1e-2, .queries = 2};

}  // namespace

TEST_CASE("a trajectory reproduces every theta of the run to the bit", "[bilevel]") {
  replayed(Policies{.estimator = kCentral, .outer = outer::Sgd{.rate = Schedule::linear(0.05, 0.0, 10)}});
  replayed(Policies{.estimator = kCentral, .outer = outer::Adam{.rate = 0.01}});
  replayed(
      Policies{.estimator = variance::Storm{.estimator = kCentral}, .outer = outer::RmsScalar{.rate = 0.01}});
  replayed(Policies{.perturbation = Gaussian{},
                    .estimator = variance::Svrg{.estimator = kCentral, .period = 3, .batches = 2},
                    .outer = outer::Momentum{.rate = 0.01}});
}

TEST_CASE("a perturbation that learns receives every update in a replay", "[bilevel]") {
  replayed(Policies{.perturbation = Learnt{}, .estimator = kCentral, .outer = outer::Sgd{.rate = 0.02}});
  replayed(Policies{.perturbation = Learnt{},
                    .estimator = OnePointResidual{.epsilon = 0.1},
                    .outer = outer::RmsScalar{.rate = 0.01}});
}
