/// @file The transformer against tests/golden/llama.json and opt.json, written by independent float64 NumPy
/// models (tests/golden/generators/llama_numpy.py, opt_numpy.py).
#include "zofo/model/transformer.hpp"

#include <cstdlib>

#include "catch.hpp"
#include "golden.hpp"
#include "zofo/model_io/load_model.hpp"

using namespace zofo;
using namespace zofo::model;

namespace {

/// Sequence i of a batch by itself, with its targets.
Batch alone(const Batch& batch, std::uint32_t i) {
  Batch one;
  one.add(std::span(batch.tokens).subspan(batch.cu_seqlens[i], batch.cu_seqlens[i + 1] - batch.cu_seqlens[i]),
          batch.adapter[i]);
  for (const Target& t : batch.targets)
    if (t.sequence == i) one.targets.push_back({0, t.position, t.token});
  return one;
}

}  // namespace

// Some 20 units in the last place of the largest log-probability, 10.8: compilers order the sums differently.
constexpr double rounding = 2e-5;

TEST_CASE("log-probabilities equal the NumPy reference", "[model]") {
  for (const golden::Case& c : golden::all()) {
    INFO(c.name);
    Transformer transformer(c.shape, c.lora);
    const auto log_p = transformer.log_probabilities(c.theta, c.batch, c.adapters());
    CHECK(golden::largest_difference(log_p, c.log_probabilities) < rounding);
  }
}

TEST_CASE("an adapter changes only its own sequences", "[model]") {
  const golden::Case c = golden::one("two adapters");
  Transformer transformer(c.shape, c.lora);
  const auto before = transformer.log_probabilities(c.theta, c.batch, c.adapters());
  auto adapters = c.adapters();
  const Eigen::VectorXf other = golden::adapter(7, c.lora.size());
  adapters[1] = &other;
  const auto after = transformer.log_probabilities(c.theta, c.batch, adapters);
  for (std::size_t t = 0; t < before.size(); ++t) {
    const bool owned = c.batch.adapter[c.batch.targets[t].sequence] == 1;
    INFO("target " << t);
    CHECK((before[t] != after[t]) == owned);
  }
}

TEST_CASE("an adapter as initialised is no adapter", "[model]") {
  golden::Case c = golden::one("two adapters");
  Transformer transformer(c.shape, c.lora);
  for (auto& v : c.values) v = c.lora.initial(3);
  const auto with = transformer.log_probabilities(c.theta, c.batch, c.adapters());
  for (int& a : c.batch.adapter) a = -1;
  const auto without = transformer.log_probabilities(c.theta, c.batch, c.adapters());
  CHECK(golden::largest_difference(with, without) < 1e-6);
}

TEST_CASE("a sequence alone gives what it gives in a batch", "[model]") {
  for (const char* name : {"no adapters", "two adapters", "wide vocabulary"}) {
    const golden::Case c = golden::one(name);
    Transformer packed(c.shape, c.lora), single(c.shape, c.lora);
    const auto together = packed.log_probabilities(c.theta, c.batch, c.adapters());
    for (std::uint32_t i = 0; i < c.batch.sequences(); ++i) {
      const auto separate = single.log_probabilities(c.theta, alone(c.batch, i), c.adapters());
      std::vector<double> share;
      for (std::size_t t = 0; t < together.size(); ++t)
        if (c.batch.targets[t].sequence == i) share.push_back(together[t]);
      INFO(name << ", sequence " << i);
      CHECK(golden::largest_difference(separate, share) < 1e-5);
    }
  }
}

TEST_CASE("a token sees nothing that comes after it", "[model]") {
  golden::Case c = golden::one("no adapters");
  Transformer transformer(c.shape, c.lora);
  const auto before = transformer.log_probabilities(c.theta, c.batch, {});
  const std::uint32_t sequence = 2, changed = 5;
  std::int32_t& token = c.batch.tokens[c.batch.cu_seqlens[sequence] + changed];
  token = (token + 1) % static_cast<std::int32_t>(c.shape.vocab);
  const auto after = transformer.log_probabilities(c.theta, c.batch, {});
  for (std::size_t t = 0; t < before.size(); ++t) {
    const Target& target = c.batch.targets[t];
    INFO("sequence " << target.sequence << ", position " << target.position);
    if (target.sequence == sequence && target.position >= changed)
      CHECK(before[t] != after[t]);
    else
      CHECK(before[t] == after[t]);
  }
}

TEST_CASE("probabilities of the whole vocabulary sum to one", "[model]") {
  golden::Case c = golden::one("wide vocabulary");
  Transformer transformer(c.shape, c.lora);
  c.batch.targets.clear();
  for (std::uint32_t i = 0; i < c.shape.vocab; ++i)
    c.batch.targets.push_back({1, 3, static_cast<std::int32_t>(i)});
  double sum = 0.0;
  for (const double l : transformer.log_probabilities(c.theta, c.batch, c.adapters())) sum += std::exp(l);
  CHECK(sum == Approx(1.0).margin(1e-6));
}

TEST_CASE("a transformer carries nothing over from the batch before", "[model]") {
  const golden::Case c = golden::one("two adapters");
  Transformer used(c.shape, c.lora), fresh(c.shape, c.lora);
  std::vector<Eigen::VectorXf> g(2);
  const std::vector<Eigen::VectorXf*> gradients{&g[0], &g[1]};
  used.log_probabilities(c.theta, alone(c.batch, 1), c.adapters());
  used.value_and_gradient(c.theta, c.batch, c.adapters(), golden::curved_loss, gradients);
  const Batch small = alone(c.batch, 4);
  CHECK(used.log_probabilities(c.theta, small, c.adapters()) ==
        fresh.log_probabilities(c.theta, small, c.adapters()));
}

TEST_CASE("log-probabilities of a real model equal the NumPy reference", "[model]") {
  const char* path = std::getenv("ZOFO_MODEL");
  if (path == nullptr) {
    WARN("skipped: ZOFO_MODEL is not set");
    return;
  }
  const llm::Model m = llm::load_model(path);
  Transformer transformer(m.parameters.config(), peft::Lora(m.parameters.config(), {}));
  Batch batch;
  std::vector<double> expected;
  const auto document = golden::load("smollm2.json");
  for (const auto& j : document.at("cases")) {
    const std::string prompt = j.at("name");
    const auto tokens = j.at("tokens").get<std::vector<std::int32_t>>();
    INFO(prompt);
    REQUIRE(m.tokenizer.encode(prompt) == tokens);
    const std::uint32_t sequence = batch.add(tokens, -1);
    for (std::uint32_t p = 0; p + 1 < tokens.size(); ++p)
      batch.targets.push_back({sequence, p, tokens[p + 1]});
    for (const double l : j.at("log_probabilities")) expected.push_back(l);
  }
  const auto log_p = transformer.log_probabilities(m.parameters, batch, {});
  const double difference = golden::largest_difference(log_p, expected);
  INFO("largest difference " << difference);
  CHECK(difference < 3e-4);
}
