#include "zofo/bilevel/task_sampling.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"

using zofo::sample_tasks;

namespace {

std::vector<std::size_t> sampled(std::uint32_t step, std::uint32_t each, const std::vector<double>& weights,
                                 std::size_t tasks = 4, std::uint64_t seed = 3) {
  std::vector<std::size_t> list;
  sample_tasks(seed, step, tasks, each, weights, list);
  return list;
}
constexpr std::uint32_t steps = 20000;

// Σ (seen − expected)²/expected.
double chi_square(const std::map<std::size_t, double>& chances, const std::map<std::size_t, double>& seen) {
  double sum = 0.0;
  for (const auto& [what, chance] : chances) {
    const double expected = chance * steps, got = seen.contains(what) ? seen.at(what) : 0.0;
    sum += (got - expected) * (got - expected) / expected;
  }
  return sum;
}

}  // namespace

TEST_CASE("all tasks come in their order", "[bilevel]") {
  CHECK(sampled(7, 0, {}) == std::vector<std::size_t>{0, 1, 2, 3});
  CHECK(sampled(7, 0, {1, 2, 3, 4}) == std::vector<std::size_t>{0, 1, 2, 3});
}

TEST_CASE("one task is sampled with a chance proportional to its weight", "[bilevel]") {
  const std::vector<double> weights = GENERATE(std::vector<double>{}, std::vector<double>{1, 2, 3, 10});
  std::map<std::size_t, double> seen, chances;
  for (std::size_t i = 0; i < 4; ++i) chances[i] = weights.empty() ? 0.25 : weights[i] / 16.0;
  for (std::uint32_t step = 0; step < steps; ++step) ++seen[sampled(step, 1, weights).at(0)];
  // χ² with 3 degrees of freedom is above 21.1 with a chance of 1e-4; the seed is fixed.
  CHECK(chi_square(chances, seen) < 21.1);
  // The test distinguishes these weights from others: samples with 1 : 2 : 3 : 9 fail it.
  if (!weights.empty()) {
    const std::map<std::size_t, double> other{{0, 1 / 15.0}, {1, 2 / 15.0}, {2, 3 / 15.0}, {3, 9 / 15.0}};
    CHECK(chi_square(other, seen) > 21.1);
  }
}

TEST_CASE("pairs are sampled without repetition, by the weights of the remaining tasks", "[bilevel]") {
  const std::vector<double> weights{1, 2, 3, 10};
  std::map<std::size_t, double> seen, chances;
  for (std::size_t a = 0; a < 4; ++a)
    for (std::size_t b = 0; b < 4; ++b)
      if (a != b) chances[4 * a + b] = weights[a] / 16.0 * weights[b] / (16.0 - weights[a]);
  for (std::uint32_t step = 0; step < steps; ++step) {
    const auto pair = sampled(step, 2, weights);
    REQUIRE(pair.size() == 2);
    REQUIRE(pair[0] != pair[1]);
    ++seen[4 * pair[0] + pair[1]];
  }
  // χ² with 11 degrees of freedom is above 37.4 with a chance of 1e-4.
  CHECK(chi_square(chances, seen) < 37.4);
}

TEST_CASE("a sample of tasks depends only on the seed and the step", "[bilevel]") {
  CHECK(sampled(5, 2, {1, 2, 3, 4}) == sampled(5, 2, {1, 2, 3, 4}));
  std::set<std::vector<std::size_t>> by_step, by_seed;
  for (std::uint32_t i = 0; i < 50; ++i) {
    by_step.insert(sampled(i, 2, {}));
    by_seed.insert(sampled(5, 2, {}, 4, i));
  }
  // 12 ordered pairs: the chance that 50 samples have at most 2 of them is below 1e-36.
  CHECK(by_step.size() > 2);
  CHECK(by_seed.size() > 2);
}

TEST_CASE("wrong weights are named", "[bilevel]") {
  const std::vector<double> two{1, 2}, negative{1, -2, 3, 4};
  CHECK_NOTHROW(zofo::check_task_weights({}, 4));
  CHECK_THROWS_WITH(zofo::check_task_weights(two, 4), contains("2 for 4 tasks"));
  CHECK_THROWS_WITH(zofo::check_task_weights(negative, 4), contains("weights[1] = -2"));
}
