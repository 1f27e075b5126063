/// @file Every family of models against Hugging Face's transformers (tests/golden/families.json, written by
/// tests/golden/generators/families_torch.py), and what their configs refuse.
///
/// Tolerances: rounding makes a random walk of errors, of which PyTorch's own float32 run is one draw;
/// another order of the same sums is another draw, which stays within a few times it
/// (tests/peft/torch_gradient_test.cpp).
#include <functional>

#include "catch.hpp"
#include "golden.hpp"
#include "message.hpp"
#include "zofo/checkpoint/rotary_order.hpp"
#include "zofo/model/rotary.hpp"
#include "zofo/perturb/gaussian.hpp"

using namespace zofo;
using namespace zofo::model;

namespace {

constexpr double draws = 4.0;

/// The message of the Error that the config's check throws; empty if it throws none.
std::string refusal(const std::function<void(Config&)>& change, const char* of = "llama 2") {
  Config c = golden::one(of).shape;
  change(c);
  try {
    c.check();
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

/// The case's log-probabilities with its config changed but not its weights.
template <class Change>
std::vector<double> with_config(const golden::Case& c, Change&& change) {
  Config other = c.shape;
  change(other);
  Parameters theta(other);
  std::ranges::copy(c.theta.values(), theta.values().begin());
  return Transformer(other, peft::Lora(other, c.lora.options()))
      .log_probabilities(theta, c.batch, c.adapters());
}

}  // namespace

TEST_CASE("log-probabilities of every family equal Hugging Face's", "[model]") {
  const auto document = golden::load("families.json");
  REQUIRE(document.at("cases").size() == 18);
  for (const auto& j : document.at("cases")) {
    const golden::Case c(j);
    Transformer transformer(c.shape, c.lora);
    const auto log_p = transformer.log_probabilities(c.theta, c.batch, c.adapters());
    const double difference = golden::largest_difference(log_p, c.log_probabilities);
    INFO(c.name << ": " << difference);
    CHECK(difference < draws * j.at("float32").at("log_probability").get<double>());
  }
}

TEST_CASE("adapters' gradients of every family equal PyTorch's, saved or recomputed", "[model]") {
  const auto document = golden::load("families.json");
  for (const auto& j : document.at("cases"))
    for (const bool recompute : {false, true}) {
      const golden::Case c(j);
      Transformer transformer(c.shape, c.lora, recompute);
      std::vector<Eigen::VectorXf> g(c.values.size());
      std::vector<Eigen::VectorXf*> pointers;
      for (auto& x : g) pointers.push_back(&x);
      const double loss =
          transformer.value_and_gradient(c.theta, c.batch, c.adapters(), golden::curved_loss, pointers);
      CHECK(loss == Approx(c.loss).epsilon(1e-6));
      REQUIRE(g.size() == j.at("digests").size());
      for (std::size_t a = 0; a < g.size(); ++a) {
        const auto& digest = j.at("digests")[a];
        const double norm = digest.at("norm"), largest = std::abs(digest.at("entries")[0][1].get<double>());
        double sum = 0.0;
        for (Eigen::Index i = 0; i < g[a].size(); ++i)
          sum += static_cast<double>(g[a][i] * golden::formula(3000 + a, static_cast<std::uint64_t>(i)));
        const double bound = draws * j.at("float32").at("gradient").get<double>() * norm;
        INFO(c.name << ", adapter " << a << ", recomputed " << recompute);
        CHECK(norm > 1.0);
        CHECK(std::abs(static_cast<double>(g[a].norm()) - norm) < bound);
        CHECK(std::abs(sum - digest.at("sum").get<double>()) < bound);
        for (const auto& entry : digest.at("entries"))
          CHECK(std::abs(static_cast<double>(g[a][entry[0].get<Eigen::Index>()]) - entry[1].get<double>()) <
                draws * j.at("float32").at("entry").get<double>() * largest);
      }
    }
}

TEST_CASE("each part of a family matters", "[model]") {
  const auto moved = [](const char* name, const std::function<void(Config&)>& change) {
    const golden::Case c = golden::one(name);
    return golden::largest_difference(with_config(c, change), c.log_probabilities);
  };
  CHECK(moved("llama 3.1", [](Config& c) { c.rope_scaling = {}; }) > 1e-3);
  CHECK(moved("linear", [](Config& c) { c.rope_scaling = {}; }) > 1e-3);
  CHECK(moved("mistral", [](Config& c) { c.window = 0; }) > 1e-3);
  CHECK(moved("mistral", [](Config& c) { c.window = 4; }) > 1e-3);
  CHECK(moved("mistral", [](Config&) {}) < 1e-5);
  CHECK(moved("ministral", [](Config& c) { c.kinds.clear(); }) > 1e-3);
  CHECK(moved("yarn", [](Config& c) { c.rope_scaling.magnitude = 1.0F; }) > 1e-3);
  CHECK(moved("yarn", [](Config& c) { c.rope_scaling.whole_pairs = false; }) > 1e-4);
  CHECK(moved("phi-3", [](Config& c) { c.rope_scaling.long_factors = c.rope_scaling.short_factors; }) > 1e-3);
  CHECK(moved("phi-3", [](Config& c) { c.rope_scaling.magnitude = 1.0F; }) > 1e-3);
  CHECK(moved("gemma 2", [](Config& c) { c.attention_cap = 0.0F; }) > 1e-3);
  CHECK(moved("gemma 2", [](Config& c) { c.logit_cap = 0.0F; }) > 1e-3);
  CHECK(moved("gemma 2", [](Config& c) { c.attention_scale = 0.0F; }) > 1e-3);
  CHECK(moved("gemma 2", [](Config& c) { c.gain_offset = 0.0F; }) > 1e-3);
  CHECK(moved("gemma 2", [](Config& c) { c.activation = MlpActivation::swiglu; }) > 1e-3);
  CHECK(moved("gemma 3", [](Config& c) { c.local_rope_base = 1e6F; }) > 1e-3);
  CHECK(moved("smollm3", [](Config& c) { c.kinds.clear(); }) > 1e-3);
  CHECK(moved("granite", [](Config& c) { c.residual_scale = 1.0F; }) > 1e-3);
  CHECK(moved("granite", [](Config& c) { c.embedding_scale = 1.0F; }) > 1e-3);
  CHECK(moved("granite", [](Config& c) { c.logit_scale = 1.0F; }) > 1e-3);
}

TEST_CASE("a window as long as the sequences is none", "[model]") {
  const golden::Case c = golden::one("llama 2");
  CHECK(with_config(c, [](Config& other) { other.window = 19; }) == with_config(c, [](Config&) {}));
}

TEST_CASE("a probe perturbs every tensor of every family", "[model]") {
  const Direction direction{11, 3, 0};
  const double scale = 0.01;
  for (const char* name : {"qwen2", "opt, 350m type", "opt, projected", "biases", "qwen3", "gemma 2",
                           "gemma 3", "phi-3", "olmo 2", "granite"}) {
    const golden::Case c = golden::one(name);
    Transformer transformer(c.shape, c.lora);
    const Probe probe{direction, scale};
    const auto probed =
        transformer.log_probabilities(c.theta, Gaussian{}, std::span(&probe, 1), c.batch, c.adapters());
    Parameters moved = c.theta.clone();
    Gaussian{}.add(moved, direction, scale);
    INFO(name);
    CHECK(golden::largest_difference(probed[0], transformer.log_probabilities(moved, c.batch, c.adapters())) <
          1e-5);
    // One tensor left where it was shows: the sum over tensors is what a probe means.
    for (std::size_t t = 0; t < moved.tensors().size(); ++t) {
      Parameters without = moved.clone();
      std::copy_n(c.theta.data(t), moved.tensors()[t].size(), without.data(t));
      const double missed = golden::largest_difference(
          probed[0], transformer.log_probabilities(without, c.batch, c.adapters()));
      INFO(moved.tensors()[t].name);
      // A bias of keys moves all scores of a query alike, so that nothing depends on it.
      if (!moved.tensors()[t].name.ends_with("attn_k.bias") || c.shape.rotary) CHECK(missed > 1e-5);
    }
  }
}

TEST_CASE("a post-norm model has its tensors in the order of its forward pass", "[model]") {
  const Layout layout(golden::one("opt, 350m type").shape);
  std::vector<std::string> names;
  for (const auto& t : layout.tensors()) names.push_back(t.name);
  const std::vector<std::string> first{"token_embd", "position_embd", "project_in", "blk.0.attn_q"};
  CHECK(std::vector<std::string>(names.begin(), names.begin() + 4) == first);
  CHECK(names.back() == "project_out");
  CHECK(layout.output_norm() == Layout::none);
  CHECK(layout.head() == 0);
  CHECK(layout.tensors()[layout.project_in()].rows == 16);
  CHECK(layout.tensors()[layout.project_in()].cols == 8);
  CHECK(layout.tensors()[layout.project_out()].rows == 8);
  CHECK(layout.tensors()[0].cols == 8);
  CHECK(layout.tensors()[1].cols == 16);
}

TEST_CASE("Llama 3.1's frequencies are as published", "[model]") {
  // 8B: base 500000, heads of 128, factor 8 over 8192 tokens. Pair 0 turns once in 2π tokens and is kept; the
  // last one's wave is longer than the old context and is slowed down by the factor.
  Config c = golden::one("llama 3.1").shape;
  c.rope_base = 500000.0F;
  c.head_dim = 128;
  c.rope_scaling = {RopeScaling::Kind::llama3, 8.0F, 1.0F, 4.0F, 8192};
  CHECK(rotary_frequency(c, 0) == 1.0);
  const double last = std::pow(500000.0, -126.0 / 128.0);
  CHECK(rotary_frequency(c, 63) == Approx(last / 8.0).epsilon(1e-12));
  // In between: the wave's length w mixes both by (8192/w − 1) / 3.
  const double residual = std::pow(500000.0, -66.0 / 128.0);
  const double turns = 8192.0 * residual / 6.283185307179586;
  REQUIRE(turns > 1.0);
  REQUIRE(turns < 4.0);
  const double kept = (turns - 1.0) / 3.0;
  CHECK(rotary_frequency(c, 33) == Approx((1.0 - kept) * residual / 8.0 + kept * residual).epsilon(1e-12));
}

TEST_CASE("rows of rotary heads change order and back", "[model]") {
  // Two heads of four rows, two columns: halves (0, 2) and (1, 3) become neighbours.
  std::vector<float> rows(16);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i);
  const std::vector<float> halves = rows;
  checkpoint::interleave_rotary(rows, {2, 4, 4}, 2);
  CHECK(rows == std::vector<float>{0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15});
  checkpoint::halve_rotary(rows, {2, 4, 4}, 2);
  CHECK(rows == halves);
  std::vector<float> bias{0, 1, 2, 3, 4, 5};
  checkpoint::interleave_rotary(bias, {1, 6, 6}, 1);
  CHECK(bias == std::vector<float>{0, 3, 1, 4, 2, 5});
  std::vector<float> partial{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  checkpoint::interleave_rotary(partial, {2, 6, 4}, 1);  // two rows of each head are not rotated
  CHECK(partial == std::vector<float>{0, 2, 1, 3, 4, 5, 6, 8, 7, 9, 10, 11});
  CHECK_THROWS_AS(checkpoint::interleave_rotary(bias, {2, 4, 4}, 1), Error);
  CHECK_THROWS_AS(checkpoint::interleave_rotary(bias, {2, 3, 3}, 1), Error);
  CHECK_THROWS_AS(checkpoint::interleave_rotary(bias, {1, 6, 6}, 0), Error);
}

TEST_CASE("a config refuses parts that do not fit together", "[model]") {
  using Kind = RopeScaling::Kind;
  CHECK(refusal([](Config&) {}).empty());
  CHECK(contains(refusal([](Config& c) { c.rotary_dim = 3; }), "rotary_dim = 3: must be even, 8"));
  CHECK(contains(refusal([](Config& c) { c.rotary_dim = 10; }), "rotary_dim = 10"));
  CHECK(contains(refusal([](Config& c) { c.kinds.resize(3); }), "3 kinds of layers: must be 2 or none"));
  CHECK(contains(refusal([](Config& c) { c.kinds.assign(2, {true, LayerRope::local}); }), "local_rope_base"));
  CHECK(contains(refusal([](Config& c) { c.qk_norm = QkNorm::heads; }, "opt, 350m type"), "qk_norm"));
  CHECK(contains(refusal([](Config& c) { c.gain_offset = 1.0F; }, "opt, 350m type"), "gain_offset = 1"));
  CHECK(contains(refusal([](Config& c) { c.residual_scale = 0.5F; }, "opt, 350m type"),
                 "residual_scale = 0.5"));
  CHECK(contains(refusal([](Config& c) { c.logit_cap = -1.0F; }), "logit_cap = -1"));
  CHECK(contains(refusal([](Config& c) { c.embedding_scale = INFINITY; }), "embedding_scale = inf"));
  CHECK(contains(refusal([](Config& c) { c.embedding_width = 1U << 18U; }, "opt, 350m type"),
                 "embedding_width = 262144"));
  CHECK(contains(refusal([](Config& c) { c.rope_scaling.kind = Kind::linear; }, "opt, 350m type"),
                 "rope_scaling"));
  CHECK(contains(refusal([](Config& c) { c.rope_scaling = {Kind::linear, 0.5F}; }), "factor = 0.5"));
  CHECK(contains(refusal([](Config& c) { c.rope_scaling = {Kind::llama3, 8.0F, 4.0F, 4.0F, 8192}; }),
                 "high_freq_factor = 4: must be above low_freq_factor = 4"));
  CHECK(contains(refusal([](Config& c) { c.rope_scaling = {Kind::llama3, 8.0F, 1.0F, 4.0F, 0}; }),
                 "original_context = 0"));
  CHECK(contains(refusal([](Config& c) { c.rope_scaling.kind = Kind::longrope; }), "0 factors: must be 4"));
  CHECK(contains(refusal([](Config& c) {
                   c.rope_scaling.kind = Kind::longrope;
                   c.rope_scaling.short_factors = c.rope_scaling.long_factors = {1.0F, 0.0F, 1.0F, 1.0F};
                 }),
                 "factor 0: must be in (0, 1e6]"));
  CHECK(contains(refusal([](Config& c) {
                   c.rope_scaling.kind = Kind::yarn;
                   c.rope_scaling.beta_slow = 40.0F;
                 }),
                 "beta_fast = 32: must be at least beta_slow = 40"));
}
