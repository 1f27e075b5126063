#include "zofo/core/batcher.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "catch.hpp"

using zofo::BatchKey;
using zofo::sample_batch;

namespace {

/// The examples of the first `batches` batches, concatenated.
std::vector<std::size_t> sequence(std::uint64_t seed, std::uint32_t stream, std::size_t rows,
                                  std::size_t batch, std::uint32_t batches) {
  std::vector<std::size_t> all;
  for (std::uint32_t step = 0; step < batches; ++step)
    for (const std::size_t row : sample_batch({seed, step, stream}, rows, batch)) all.push_back(row);
  return all;
}

}  // namespace

TEST_CASE("SplitMix64 gives the published sequence") {
  // The first outputs for seed 1234567, as in Vigna's splitmix64.c (and Rosetta Code's test).
  CHECK(zofo::detail::random_bits(1234567, 0) == 6457827717110365317ULL);
  CHECK(zofo::detail::random_bits(1234567, 1) == 3203168211198807973ULL);
  CHECK(zofo::detail::random_bits(1234567, 2) == 9817491932198370423ULL);
}

TEST_CASE("every epoch holds each example once, for any batch size") {
  const auto [rows, batch] =
      GENERATE(table<std::size_t, std::size_t>({{12, 4}, {10, 3}, {7, 7}, {1, 1}, {666, 16}}));
  const std::size_t epochs = 3 * batch;  // after `batch` epochs a batch starts with an epoch again
  const auto all = sequence(5, 1, rows, batch, static_cast<std::uint32_t>(rows * epochs / batch));
  REQUIRE(all.size() == rows * epochs);
  for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(epoch * rows);
    const std::set<std::size_t> seen(first, first + static_cast<std::ptrdiff_t>(rows));
    CHECK(seen.size() == rows);
    CHECK(*seen.rbegin() == rows - 1);
  }
}

TEST_CASE("a batch is a pure function of its key") {
  const BatchKey key{42, 1000, 2};
  const auto once = sample_batch(key, 100, 8);
  sample_batch({1, 2, 3}, 50, 4);
  CHECK(sample_batch(key, 100, 8) == once);
  CHECK(sample_batch({43, 1000, 2}, 100, 8) != once);
  CHECK(sample_batch({42, 1001, 2}, 100, 8) != once);
  CHECK(sample_batch({42, 1000, 3}, 100, 8) != once);
  CHECK(sequence(42, 2, 100, 100, 1) != sequence(42, 2, 100, 100, 2));
  CHECK(sample_batch({42, 0xffffffffU, 2}, 100, 100).size() == 100);  // no overflow at the last step
}

TEST_CASE("batches are parts of one sequence: the batch size does not change the order") {
  CHECK(sequence(9, 0, 30, 5, 12) == sequence(9, 0, 30, 15, 4));
}

TEST_CASE("all orders of three examples are equally likely, in epochs and in seeds") {
  std::map<std::vector<std::size_t>, int> by_epoch, by_seed;
  constexpr int trials = 6000;
  for (std::uint32_t i = 0; i < trials; ++i) {
    ++by_epoch[sample_batch({7, i, 0}, 3, 3)];
    ++by_seed[sample_batch({i, 0, 0}, 3, 3)];
  }
  for (const auto& counts : {by_epoch, by_seed}) {
    REQUIRE(counts.size() == 6);
    double chi_squared = 0;
    for (const auto& entry : counts)
      chi_squared += (entry.second - 1000.0) * (entry.second - 1000.0) / 1000.0;
    CHECK(chi_squared < 20.5);  // 5 degrees of freedom, 0.999 quantile
  }
}

TEST_CASE("an empty batch, or one larger than the data set, is an error") {
  CHECK_THROWS_AS(sample_batch({}, 10, 0), zofo::Error);
  CHECK_THROWS_AS(sample_batch({}, 10, 11), zofo::Error);
  CHECK_THROWS_AS(sample_batch({}, 0, 1), zofo::Error);
}
