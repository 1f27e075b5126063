/// @file What the transformer and its config refuse, and that the message names it.
#include <functional>

#include "catch.hpp"
#include "golden.hpp"
#include "message.hpp"

using namespace zofo;
using namespace zofo::model;

namespace {

/// The refusal of a batch changed by `change`.
std::string case_refusal(const std::function<void(golden::Case&)>& change) {
  golden::Case c = golden::one("two adapters");
  Transformer transformer(c.shape, c.lora);
  change(c);
  const std::string forward = message([&] { transformer.log_probabilities(c.theta, c.batch, c.adapters()); });
  std::vector<Eigen::VectorXf> g(c.values.size());
  std::vector<Eigen::VectorXf*> gradients;
  for (auto& x : g) gradients.push_back(&x);
  const std::string backward = message([&] {
    transformer.value_and_gradient(c.theta, c.batch, c.adapters(), golden::curved_loss, gradients);
  });
  CHECK(forward == backward);
  return forward;
}

}  // namespace

TEST_CASE("a batch that fits is accepted", "[model]") {
  CHECK(case_refusal([](auto&) {}).empty());
}

TEST_CASE("tokens outside the vocabulary are refused", "[model]") {
  CHECK(contains(case_refusal([](auto& c) { c.batch.tokens[2] = 61; }), "token 61: must be in [0, 61)"));
  CHECK(contains(case_refusal([](auto& c) { c.batch.tokens[0] = -1; }), "token -1"));
}

TEST_CASE("sequences outside [1, context] are refused", "[model]") {
  const std::vector<std::int32_t> tokens(17, 1);
  CHECK(contains(case_refusal([&](auto& c) { c.batch.add(tokens, -1); }),
                 "sequence 5 has 17 tokens: must be in [1, 16]"));
  CHECK(contains(case_refusal([&](auto& c) { c.batch.add({}, -1); }), "sequence 5 has 0 tokens"));
  CHECK(case_refusal([&](auto& c) { c.batch.add(std::span(tokens).first(16), -1); }).empty());
  CHECK(contains(case_refusal([](auto& c) { c.batch = Batch{}; }), "at least one sequence"));
}

TEST_CASE("adapters that are not there or of another size are refused", "[model]") {
  CHECK(contains(case_refusal([](auto& c) { c.batch.adapter[1] = 2; }), "sequence 1: adapter = 2"));
  CHECK(contains(case_refusal([](auto& c) { c.batch.adapter[0] = -2; }), "adapter = -2"));
  CHECK(contains(case_refusal([](auto& c) { c.values[1].conservativeResize(c.values[1].size() - 1); }),
                 "831 entries: its layout has 832"));
}

TEST_CASE("targets outside the batch or the vocabulary are refused", "[model]") {
  CHECK(contains(case_refusal([](auto& c) { c.batch.targets[0] = {5, 0, 1}; }),
                 "sequence 5, position 0, token 1"));
  CHECK(contains(case_refusal([](auto& c) { c.batch.targets[0] = {0, 4, 1}; }), "position 4"));
  CHECK(contains(case_refusal([](auto& c) { c.batch.targets[0] = {0, 0, 61}; }), "token 61"));
  CHECK(contains(case_refusal([](auto& c) { c.batch.targets[0] = {0, 0, -1}; }), "token -1"));
}

TEST_CASE("gradients must be one an adapter", "[model]") {
  const golden::Case c = golden::one("two adapters");
  Transformer transformer(c.shape, c.lora);
  Eigen::VectorXf g;
  const std::vector<Eigen::VectorXf*> gradients{&g};
  CHECK(contains(message([&] {
                   transformer.value_and_gradient(c.theta, c.batch, c.adapters(), golden::curved_loss,
                                                  gradients);
                 }),
                 "1 gradients for 2 adapters"));
}

TEST_CASE("weights of another shape are refused", "[model]") {
  const golden::Case c = golden::one("two adapters");
  Transformer transformer(c.shape, c.lora);
  const auto refused = [&](std::uint32_t Config::* field) {
    Config other = c.shape;
    other.*field *= 2;
    const Parameters theta(other);
    return contains(message([&] { transformer.log_probabilities(theta, c.batch, c.adapters()); }),
                    "another shape");
  };
  CHECK(refused(&Config::vocab));
  CHECK(refused(&Config::width));
  CHECK(refused(&Config::layers));
  CHECK(refused(&Config::ffn));
  CHECK(refused(&Config::heads));
}

TEST_CASE("a layout for another model is refused", "[model]") {
  const golden::Case c = golden::one("two adapters");
  Config other = c.shape;
  other.layers = 1;
  CHECK(!message([&] { Transformer transformer(c.shape, peft::Lora(other, c.lora.options())); }).empty());
}

TEST_CASE("a config names the field out of range", "[model]") {
  const Config good = golden::one("no adapters").shape;
  const auto refused = [&](const std::function<void(Config&)>& change) {
    Config c = good;
    change(c);
    return message([&] { c.check(); });
  };
  CHECK(refused([](Config&) {}).empty());
  CHECK(contains(refused([](Config& c) { c.vocab = 0; }), "vocab = 0"));
  CHECK(contains(refused([](Config& c) { c.width = 0; }), "width = 0"));
  CHECK(contains(refused([](Config& c) { c.layers = 5000; }), "layers = 5000"));
  CHECK(contains(refused([](Config& c) { c.kv_heads = 4; }), "kv_heads = 4: must divide heads = 6"));
  CHECK(contains(refused([](Config& c) { c.kv_heads = 7; }), "kv_heads = 7"));
  CHECK(contains(refused([](Config& c) { c.head_dim = 5; }), "head_dim = 5: must be even"));
  CHECK(contains(refused([](Config& c) { c.rope_base = 0.0F; }), "rope_base"));
  CHECK(contains(refused([](Config& c) { c.norm_eps = -1.0F; }), "norm_eps"));
}
