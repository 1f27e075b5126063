/// @file Sampled tokens: the logits processors of transformers (tests/golden/sampling.json, made by
/// tests/golden/generators/sampling_torch.py), and the distribution and the keys of the samples.
#include "zofo/lm/sampler.hpp"

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "message.hpp"
#include "zofo/core/error.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

struct ProcessedLogits {
  SamplingOptions options;
  std::vector<float> logits;
  std::vector<std::int32_t> tokens, ids;
  std::vector<double> probabilities;
  std::string name;
};

std::vector<ProcessedLogits> processed_logits() {
  std::ifstream file(std::string(ZOFO_SOURCE_DIR) + "/tests/golden/sampling.json");
  REQUIRE(file.is_open());
  std::vector<ProcessedLogits> all;
  for (const auto& c : nlohmann::json::parse(file)) {
    ProcessedLogits& each = all.emplace_back();
    const auto& o = c.at("options");
    each.options = {o.value("temperature", 1.0), o.value("top_k", std::size_t{0}), o.value("top_p", 1.0),
                    o.value("min_p", 0.0), o.value("repetition_penalty", 1.0)};
    for (const auto& logit : c.at("logits"))
      each.logits.push_back(logit.is_string() ? -std::numeric_limits<float>::infinity() : logit.get<float>());
    each.tokens = c.at("tokens").get<std::vector<std::int32_t>>();
    each.ids = c.at("ids").get<std::vector<std::int32_t>>();
    each.probabilities = c.at("probabilities").get<std::vector<double>>();
    each.name = o.dump() + " of " + std::to_string(each.logits.size());
  }
  return all;
}

std::map<std::int32_t, double> probabilities(const SamplingOptions& options, std::span<const float> logits,
                                             std::span<const std::int32_t> tokens) {
  std::map<std::int32_t, double> chances;
  double sum = 0.0;
  Sampler sampler(options);
  for (const TokenCandidate& each : sampler.candidates(logits, tokens)) sum += chances[each.id] = each.weight;
  for (auto& [id, chance] : chances) chance /= sum;
  return chances;
}

constexpr std::uint32_t sampled_tokens = 50000;

// Σ (seen − expected)²/expected; infinite if a token is seen that cannot be.
double chi_square_of_tokens(const std::map<std::int32_t, double>& chances,
                            const std::map<std::int32_t, std::uint32_t>& seen) {
  double sum = 0.0;
  for (const auto& [id, count] : seen)
    if (!chances.contains(id)) return std::numeric_limits<double>::infinity();
  for (const auto& [id, chance] : chances) {
    const double expected = chance * sampled_tokens;
    REQUIRE(expected >= 5.0);
    const double got = seen.contains(id) ? seen.at(id) : 0.0;
    sum += (got - expected) * (got - expected) / expected;
  }
  return sum;
}

// χ² with this many degrees of freedom exceeds it with a chance of 1e-6 (Wilson and Hilferty's cube root).
double chi_square_limit(std::size_t freedom) {
  const double n = static_cast<double>(freedom), v = 2.0 / (9.0 * n);
  return n * std::pow(1.0 - v + 4.753 * std::sqrt(v), 3.0);
}

std::string refusal_of(const SamplingOptions& options) {
  return message([&] { Sampler sampler(options); });
}

}  // namespace

TEST_CASE("filters keep the tokens that transformers keeps, with its probabilities", "[lm]") {
  const auto all = processed_logits();
  CHECK(all.size() > 80);
  for (const ProcessedLogits& c : all) {
    INFO(c.name);
    Sampler sampler(c.options);
    std::vector<std::int32_t> ids;
    std::vector<double> weights;
    double sum = 0.0;
    for (const TokenCandidate& each : sampler.candidates(c.logits, c.tokens)) {
      if (each.weight == 0.0) continue;
      ids.push_back(each.id);
      weights.push_back(each.weight);
      sum += each.weight;
    }
    CHECK(ids == c.ids);
    for (std::size_t i = 0; i < std::min(ids.size(), c.ids.size()); ++i)
      CHECK(std::abs(weights[i] / sum - c.probabilities[i]) < 1e-6);  // its float32's error
  }
}

TEST_CASE("a filter of a large vocabulary keeps what sorting all of it keeps", "[lm]") {
  std::vector<float> logits(3000);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>((i * 7919) % 601) * 0.01F;  // every value several times
  for (const double top_p : {0.02, 0.3, 0.7, 0.95, 0.9999}) {
    // The largest in descending order, of equal ones the highest id first, until they exceed top_p.
    std::vector<std::pair<float, std::int32_t>> order;
    double sum = 0.0, most = 0.0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      order.emplace_back(logits[i], static_cast<std::int32_t>(i));
      sum += std::exp(static_cast<double>(logits[i]));
    }
    std::ranges::sort(order, std::greater{});
    std::set<std::int32_t> expected, found;
    for (std::size_t i = 0; most < top_p; ++i) {
      expected.insert(order[i].second);
      most += std::exp(static_cast<double>(order[i].first)) / sum;
    }
    for (const auto& [id, chance] : probabilities({.temperature = 1.0, .top_p = top_p}, logits, {}))
      found.insert(id);
    INFO(top_p);
    CHECK(found == expected);
  }
}

TEST_CASE("samples have the probabilities of the filtered logits", "[lm]") {
  // Each limit is exceeded by a correct sampler with a chance of 1e-6; the seeds are fixed.
  std::size_t cases = 0;
  for (const ProcessedLogits& c : processed_logits()) {
    if (c.logits.size() < 40 || c.ids.size() < 4 || std::ranges::min(c.probabilities) < 5e-4) continue;
    ++cases;
    INFO(c.name);
    SamplingOptions options = c.options;
    options.seed = 20;
    Sampler sampler(options);
    std::map<std::int32_t, double> golden;
    for (std::size_t i = 0; i < c.ids.size(); ++i) golden[c.ids[i]] = c.probabilities[i];
    for (int by = 0; by < 3; ++by) {  // by the prompt, by the sample, by the token
      std::map<std::int32_t, std::uint32_t> seen;
      for (std::uint32_t i = 0; i < sampled_tokens; ++i)
        ++seen[sampler.next(c.logits, c.tokens, {by == 0 ? i : 1, by == 1 ? i : 2}, by == 2 ? i : 3)];
      const double limit = chi_square_limit(golden.size() - 1);
      CHECK(chi_square_of_tokens(golden, seen) < limit);
      // The samples distinguish this distribution from that of another temperature.
      SamplingOptions warmer = options;
      warmer.temperature *= 1.1;
      CHECK(chi_square_of_tokens(probabilities(warmer, c.logits, c.tokens), seen) > limit);
    }
  }
  CHECK(cases >= 5);
}

TEST_CASE("random numbers of neighbouring tokens, samples, prompts and seeds are independent", "[lm]") {
  const auto number = [](int by, std::uint32_t i) {
    return token_uniform(by == 3 ? i : 5, {by == 1 ? i : 1, by == 2 ? i : 2}, by == 0 ? i : 3);
  };
  const auto cell = [](double u) { return static_cast<std::int32_t>(8.0 * u); };
  std::map<std::int32_t, double> equal;
  for (std::int32_t pair = 0; pair < 64; ++pair) equal[pair] = 1.0 / 64.0;
  for (int by = 0; by < 4; ++by) {
    std::map<std::int32_t, std::uint32_t> seen;
    for (std::uint32_t i = 0; i < sampled_tokens; ++i)
      ++seen[8 * cell(number(by, 2 * i)) + cell(number(by, 2 * i + 1))];
    CHECK(chi_square_of_tokens(equal, seen) < chi_square_limit(63));
  }
}

TEST_CASE("the random number of a token is a function of seed, prompt, sample and step", "[lm]") {
  // By another implementation of Philox4x32-10.
  CHECK(token_uniform(0, {}, 0) == 0.15234166247078218);
  CHECK(token_uniform(7, {1, 2}, 3) == 0.39321419637604615);
  CHECK(token_uniform((std::uint64_t{1} << 40U) + 5, {0, 1}, 100) == 0.4500084019954257);
}

TEST_CASE("at temperature 0 the best token is chosen, of equal ones the lowest id", "[lm]") {
  const std::vector<float> logits{1.0F, 3.0F, 3.0F, 2.0F};
  Sampler plain({});
  for (std::uint32_t step = 0; step < 20; ++step) CHECK(plain.next(logits, {}, {}, step) == 1);
  Sampler penalised({.repetition_penalty = 2.0});
  const std::vector<std::int32_t> one{1, 1}, both{1, 2, 900, -1};
  CHECK(penalised.next(logits, one, {}, 0) == 2);
  CHECK(penalised.next(logits, both, {}, 0) == 3);
  CHECK(SamplingOptions{}.takes_best());
  CHECK_FALSE(SamplingOptions{.repetition_penalty = 2.0}.takes_best());
  CHECK_FALSE(SamplingOptions{.temperature = 1.0}.takes_best());
}

TEST_CASE("logits that have no distribution are refused", "[lm]") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const double temperature : {0.0, 1.0}) {
    Sampler sampler({.temperature = temperature});
    for (const std::vector<float>& bad :
         {std::vector<float>{}, {1.0F, NAN, 2.0F}, {NAN, 1.0F}, {infinity, 1.0F}, {-infinity, -infinity}})
      CHECK_THROWS_AS(sampler.next(bad, {}, {}, 0), Error);
    const std::vector<float> one{-infinity, 3.0F, -infinity};
    for (std::uint32_t step = 0; step < 50; ++step) CHECK(sampler.next(one, {}, {}, step) == 1);
  }
}

TEST_CASE("sampling options out of range are named with their value", "[lm]") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(refusal_of({.temperature = -0.5}) ==
        "temperature = -0.5: must be 0 (the most probable token) or in [1e-6, 1e6]");
  for (const double bad : {1e-7, 1e7, nan, -0.1})
    CHECK(refusal_of({.temperature = bad}).starts_with("temperature = "));
  CHECK(refusal_of({.temperature = 1.0, .top_p = 1.5}) == "top_p = 1.5: must be in [0, 1]");
  CHECK(refusal_of({.temperature = 1.0, .top_p = nan}).starts_with("top_p = nan"));
  CHECK(refusal_of({.temperature = 1.0, .min_p = -0.25}) == "min_p = -0.25: must be in [0, 1]");
  CHECK(refusal_of({.repetition_penalty = 0.0}) == "repetition_penalty = 0: must be in [1e-6, 1e6]");
  CHECK(refusal_of({.top_k = 5}) == "top_k = 5: has no effect at temperature 0: set temperature above 0");
  CHECK(refusal_of({.top_p = 0.5}).starts_with("top_p = 0.5: has no effect"));
  CHECK(refusal_of({.min_p = 0.5}).starts_with("min_p = 0.5: has no effect"));
}
