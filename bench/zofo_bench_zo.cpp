// Measures the cost of a zeroth-order step outside the user's function relative to two copies of θ in the
// same run, and how it grows with d, q and T: `zofo_bench_zo --benchmark_format=json`.
#include <benchmark/benchmark.h>

#include <Eigen/Core>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/perturbation.hpp"
#include "zofo/perturb/rademacher.hpp"

namespace {

using Eigen::VectorXf;
using Clock = std::chrono::steady_clock;

// A function without cost, so that only the library is timed.
struct Free {
  double operator()(const VectorXf& theta) const { return static_cast<double>(theta[0]); }
};

// out ← x with all threads: measures the memory bandwidth that a step is compared with.
void copy(const VectorXf& x, VectorXf& out) {
  constexpr std::int64_t chunk = 1 << 16;
  const std::int64_t n = x.size();
#pragma omp parallel for schedule(static)
  for (std::int64_t first = 0; first < n; first += chunk)
    std::memcpy(out.data() + first, x.data() + first,
                sizeof(float) * static_cast<std::size_t>(std::min(chunk, n - first)));
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <class Distribution>
auto make_solver(zofo::SingleLevel<VectorXf, Free>& problem, std::uint32_t queries) {
  return zofo::Solver(problem,
                      zofo::Policies{Distribution{}, zofo::Central{.epsilon = 1e-3, .queries = queries},
                                     zofo::outer::Sgd{.rate = 1e-9}, zofo::inner::GradientDescent{}},
                      zofo::BilevelOptions{.outer_steps = 1U << 30U, .inner_steps = 1}.mezo());
}

// A step writes θ + εz and θ − εz and updates θ. `ratio`: its time over that of two copies, timed before it.
template <class Distribution>
void step_against_copy(benchmark::State& state) {
  const auto d = static_cast<Eigen::Index>(state.range(0));
  VectorXf theta = VectorXf::Ones(d), other = VectorXf::Zero(d);
  auto problem = zofo::single_level<VectorXf>(Free{});
  auto solver = make_solver<Distribution>(problem, 1);
  zofo::AdapterPair<zofo::NoAdapter> pair;
  solver.step(theta, pair);
  copy(theta, other);
  double of_steps = 0.0, of_copies = 0.0;
  for (auto _ : state) {
    const auto start = Clock::now();
    copy(theta, other);
    copy(theta, other);
    of_copies += seconds_since(start);
    const auto middle = Clock::now();
    solver.step(theta, pair);
    const double seconds = seconds_since(middle);
    of_steps += seconds;
    state.SetIterationTime(seconds);
  }
  state.counters["ratio"] = of_steps / of_copies;
  state.counters["copy_gb_per_second"] =
      16.0 * static_cast<double>(d) * static_cast<double>(state.iterations()) / of_copies / 1e9;
}

// A step of q directions; its time should be proportional to q.
void step_of_queries(benchmark::State& state) {
  VectorXf theta = VectorXf::Ones(1 << 20);
  auto problem = zofo::single_level<VectorXf>(Free{});
  auto solver = make_solver<zofo::Rademacher>(problem, static_cast<std::uint32_t>(state.range(0)));
  zofo::AdapterPair<zofo::NoAdapter> pair;
  for (auto _ : state) benchmark::DoNotOptimize(solver.step(theta, pair));
}

// G = ½‖p − θ₀‖², F = ½‖p‖²: T inner steps on s and p; their time should be proportional to T.
struct Adapters {
  using Theta = VectorXf;
  using Adapter = VectorXf;
  static double upper(const Theta&, const Adapter& p, zofo::BatchKey) { return 0.5 * p.squaredNorm(); }
  static double lower(const Theta& theta, const Adapter& p, zofo::BatchKey) {
    return 0.5 * (p.array() - theta[0]).matrix().squaredNorm();
  }
  static double upper_gradient(const Theta&, const Adapter& p, zofo::BatchKey, Adapter& g) {
    g = p;
    return 0.5 * p.squaredNorm();
  }
  static double lower_gradient(const Theta& theta, const Adapter& p, zofo::BatchKey, Adapter& g) {
    g.array() = p.array() - theta[0];
    return 0.5 * g.squaredNorm();
  }
};
void step_of_inner_steps(benchmark::State& state) {
  VectorXf theta = VectorXf::Ones(1);
  zofo::AdapterPair<VectorXf> pair{VectorXf::Ones(1 << 20), VectorXf::Ones(1 << 20)};
  Adapters problem;
  zofo::Solver solver(problem,
                      zofo::Policies{zofo::Rademacher{}, zofo::Central{}, zofo::outer::Sgd{},
                                     zofo::inner::GradientDescent{.rate = 0.01}},
                      zofo::BilevelOptions{.outer_steps = 1U << 20U,
                                           .inner_steps = static_cast<std::uint32_t>(state.range(0))});
  for (auto _ : state) benchmark::DoNotOptimize(solver.step(theta, pair));
}

}  // namespace

BENCHMARK(step_against_copy<zofo::Gaussian>)
    ->Name("step/gaussian")
    ->Arg(10000)
    ->Arg(100000)
    ->Arg(1000000)
    ->Arg(10000000)
    ->Arg(100000000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(step_against_copy<zofo::Rademacher>)
    ->Name("step/rademacher")
    ->Arg(10000)
    ->Arg(100000)
    ->Arg(1000000)
    ->Arg(10000000)
    ->Arg(100000000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(step_of_queries)
    ->Name("queries")
    ->RangeMultiplier(2)
    ->Range(1, 32)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(step_of_inner_steps)
    ->Name("inner_steps")
    ->RangeMultiplier(2)
    ->Range(1, 32)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_MAIN();
