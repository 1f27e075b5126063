/// @file Log-probabilities of tokens and their alternatives.
#include "zofo/lm/token_logprob.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "message.hpp"

using namespace zofo::llm;

TEST_CASE("log-probabilities are those of the softmax", "[lm]") {
  // Probabilities 1/2, 1/4, 1/8, 1/8: their logarithms are logits, whatever is added to all.
  std::vector<float> logits;
  for (const double p : {0.125, 0.5, 0.125, 0.25}) logits.push_back(static_cast<float>(std::log(p) + 30.0));
  const TokenLogprob first = token_logprob(logits, 3, 2, 4);
  CHECK(first.id == 3);
  CHECK(first.logprob == Approx(std::log(0.25)).epsilon(1e-6));
  REQUIRE(first.top.size() == 2);
  CHECK(first.top[0].first == 1);
  CHECK(first.top[0].second == Approx(std::log(0.5)).epsilon(1e-6));
  CHECK(first.top[1].first == 3);
  CHECK(first.top[1].second == first.logprob);  // the same number, which clients compare
  const TokenLogprob all = token_logprob(logits, 0, 20, 4);
  CHECK(all.top.size() == 4);
  CHECK(all.top[2].first == 0);  // of equal ones the lower id
  CHECK(token_logprob(logits, 0, 0, 4).top.empty());
  // Tokens from `rows` on are no alternatives, but have their share of the probability.
  const TokenLogprob fewer = token_logprob(logits, 0, 20, 3);
  CHECK(fewer.top.size() == 3);
  CHECK(fewer.logprob == all.logprob);
}

TEST_CASE("a token of probability zero has the logarithm minus infinity", "[lm]") {
  const std::vector<float> logits{0.0F, -std::numeric_limits<float>::infinity()};
  CHECK(token_logprob(logits, 1, 1, 2).logprob == -std::numeric_limits<double>::infinity());
  CHECK(token_logprob(logits, 0, 1, 2).logprob == 0.0);
}

TEST_CASE("logits that are no numbers are refused", "[lm]") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), high = std::numeric_limits<float>::infinity();
  CHECK(contains(message([&] { token_logprob(std::vector<float>{0.0F, nan}, 0, 1, 2); }), "NaN"));
  CHECK(contains(message([&] { token_logprob(std::vector<float>{0.0F, high}, 0, 1, 2); }), "infinite"));
  CHECK(contains(message([&] { token_logprob(std::vector<float>{0.0F}, 1, 1, 1); }), "must be in [0, 1)"));
}
