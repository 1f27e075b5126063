/// @file Log-probabilities, losses and adapters' gradients against PyTorch in float64
/// (tests/golden/llama_torch.json and smollm2_torch.json, written by tests/golden/generators/llama_torch.py).
///
/// Tolerances. A float32 product of n terms is off by about √n·2^−24 of its operands' norms.
/// Log-probabilities come from a chain of some ten such steps a layer, gradients from twice as many; the
/// errors add like a random walk and grow where the network is steep: about 1e-6 of the result for the tiny
/// models, 1e-5 to 1e-4 after 30 layers. How steep it is depends on model and prompt, so each golden case
/// holds what PyTorch's own float32 run is off by from its float64 run. Ours rounds the same numbers in
/// another order (packed batch, tiles, another attention): another draw of the same walk, which has to stay
/// within `draws` times that. A sum that loses more than its share of rounding shows.
#include <cstdlib>

#include "../model/golden.hpp"
#include "catch.hpp"
#include "zofo/lm/choice_loss.hpp"
#include "zofo/lm/pack_examples.hpp"
#include "zofo/model_io/load_model.hpp"

using namespace zofo;
using namespace zofo::model;
using nlohmann::json;

namespace {

constexpr double torch_draws = 4.0;

/// Rows of a choice task, an adapter and what PyTorch says of them.
struct Choice {
  Choice(const json& j, const Config& c)
      : lora(c, {j.at("lora").at("rank"), j.at("lora").at("alpha"), j.at("lora").at("targets")}),
        adapter(golden::adapter(0, lora.size()) * (4.0F * j.at("amplitude").get<float>())) {
    options.options = j.at("options").get<std::vector<llm::Tokens>>();
    const auto shared = std::make_shared<const llm::OptionTokens>(options);
    for (const auto& row : j.at("rows")) {
      rows.push_back({row.at("prompt").get<llm::Tokens>(), row.at("label"), shared});
      llm::pack_example(batch, rows.back(), 0);
    }
  }

  peft::Lora lora;
  Eigen::VectorXf adapter;
  llm::OptionTokens options;
  Batch batch;
  std::vector<llm::EncodedExample> rows;
};

struct TorchResult {
  double loss = 0.0;
  std::vector<double> scores;
  Eigen::VectorXf gradient;
};

TorchResult run(const Choice& c, const Parameters& theta) {
  Transformer transformer(theta.config(), c.lora);
  TorchResult r;
  const auto loss = [&](std::span<const double> log_p, std::span<double> d) {
    std::ranges::fill(d, 0.0);
    for (std::size_t at = 0; at < log_p.size(); at += c.options.targets())
      for (const double s : llm::option_scores(log_p.subspan(at, c.options.targets()), c.options))
        r.scores.push_back(s);
    std::vector<const llm::EncodedExample*> rows;
    for (const llm::EncodedExample& row : c.rows) rows.push_back(&row);
    return llm::mean_loss(log_p, rows, 1.0, d);
  };
  const Eigen::VectorXf* const adapters[] = {&c.adapter};
  Eigen::VectorXf* const gradients[] = {&r.gradient};
  r.loss = transformer.value_and_gradient(theta, c.batch, adapters, loss, gradients);
  return r;
}

/// The gradient of factor A or B that the golden entry `f` is of, widened.
Eigen::VectorXd factor(const json& f, const Choice& c, const Eigen::VectorXf& gradient) {
  const auto name = std::ranges::find(peft::projection_names, f.at("projection").get<std::string>()) -
                    peft::projection_names.begin();
  const auto& factors = c.lora.factors(f.at("layer"), static_cast<peft::Projection>(name));
  const bool a = f.at("factor") == "A";
  return gradient
      .segment(static_cast<Eigen::Index>(a ? factors.a : factors.b),
               static_cast<Eigen::Index>(std::size_t{a ? factors.in : factors.out} * c.lora.rank()))
      .cast<double>();
}

/// Largest errors over all factors, as shares of what PyTorch's float32 run is off by.
struct Errors {
  double norm = 0.0, sum = 0.0, entry = 0.0;
};

Errors errors(const json& j, const Choice& c, const Eigen::VectorXf& gradient) {
  const double norm32 = j.at("float32").at("norm"), entry32 = j.at("float32").at("entry");
  Errors e;
  std::uint64_t stream = 3000;
  for (const auto& f : j.at("factors")) {
    const Eigen::VectorXd g = factor(f, c, gradient);
    Eigen::VectorXd u(g.size());
    for (Eigen::Index i = 0; i < u.size(); ++i)
      u[i] = static_cast<double>(golden::formula(stream, static_cast<std::uint64_t>(i)));
    ++stream;
    const double norm = f.at("norm"), largest = std::abs(f.at("entries")[0][1].get<double>());
    e.norm = std::max(e.norm, std::abs(g.norm() - norm) / (norm * norm32));
    e.sum = std::max(e.sum, std::abs(g.dot(u) - f.at("sum").get<double>()) / (norm * norm32));
    for (const auto& entry : f.at("entries"))
      e.entry = std::max(
          e.entry, std::abs(g[entry[0].get<Eigen::Index>()] - entry[1].get<double>()) / (largest * entry32));
  }
  return e;
}

void check_choice(const json& j, const Parameters& theta) {
  INFO(j.at("name").get<std::string>());
  const Choice c(j, theta.config());
  const TorchResult r = run(c, theta);
  const auto scores = j.at("scores").get<std::vector<double>>();
  const double score32 = j.at("float32").at("log_probability");
  const double score = golden::largest_difference(r.scores, scores) / score32;
  const double loss = std::abs(r.loss - j.at("loss").get<double>()) / score32;
  const Errors e = errors(j, c, r.gradient);
  INFO("scores " << score << ", loss " << loss << ", norms " << e.norm << ", sums " << e.sum << ", entries "
                 << e.entry << " times PyTorch's float32 error");
  std::size_t size = 0;
  for (const auto& f : j.at("factors")) size += static_cast<std::size_t>(factor(f, c, r.gradient).size());
  CHECK(size == c.lora.size());
  CHECK(score < torch_draws);
  // The loss moves by at most twice what a score does.
  CHECK(loss < 2.0 * torch_draws);
  CHECK(e.norm < torch_draws);
  CHECK(e.sum < torch_draws);
  CHECK(e.entry < torch_draws);
}

/// One batch of all prompts under one adapter (−1: none) against the numbers under `key`.
void check_prompts(const json& prompts, const char* key, const Choice& c, const Parameters& theta,
                   int adapter) {
  Batch batch;
  for (const auto& j : prompts) {
    const auto tokens = j.at("tokens").get<llm::Tokens>();
    const std::uint32_t sequence = batch.add(tokens, adapter);
    for (std::uint32_t p = 0; p + 1 < tokens.size(); ++p)
      batch.targets.push_back({sequence, p, tokens[p + 1]});
  }
  Transformer transformer(theta.config(), c.lora);
  const Eigen::VectorXf* const adapters[] = {&c.adapter};
  const auto log_p = transformer.log_probabilities(theta, batch, adapters);
  std::span<const double> rest = log_p;
  for (const auto& j : prompts) {
    const auto expected = j.at(key).get<std::vector<double>>();
    REQUIRE(rest.size() >= expected.size());
    const double error = golden::largest_difference(rest.first(expected.size()), expected);
    rest = rest.subspan(expected.size());
    INFO(j.at("name").get<std::string>() << ", " << key << ": " << error);
    CHECK(error < torch_draws * j.at("float32").get<double>());
  }
}

}  // namespace

TEST_CASE("log-probabilities and whole gradients of tiny models equal PyTorch's", "[peft]") {
  const auto document = golden::load("llama_torch.json");
  for (const auto& j : document.at("cases")) {
    const golden::Case c = golden::one(j.at("name"));
    INFO(c.name);
    Transformer transformer(c.shape, c.lora);
    std::vector<double> log_p;
    const auto loss = [&](std::span<const double> l, std::span<double> d) {
      log_p.assign(l.begin(), l.end());
      return golden::curved_loss(l, d);
    };
    std::vector<Eigen::VectorXf> g(c.values.size());
    std::vector<Eigen::VectorXf*> pointers;
    for (auto& x : g) pointers.push_back(&x);
    const double value = transformer.value_and_gradient(c.theta, c.batch, c.adapters(), loss, pointers);
    const auto expected_log_p = j.at("log_probabilities").get<std::vector<double>>();
    const auto& float32 = j.at("float32");
    CHECK(golden::largest_difference(log_p, expected_log_p) <
          torch_draws * float32.at("log_probability").get<double>());
    CHECK(value == Approx(j.at("loss").get<double>()).epsilon(1e-6));
    REQUIRE(g.size() == j.at("gradients").size());
    for (std::size_t a = 0; a < g.size(); ++a) {
      const auto expected = j.at("gradients")[a].get<std::vector<double>>();
      double largest = 0.0;
      for (const double x : expected) largest = std::max(largest, std::abs(x));
      INFO("adapter " << a << ", largest entry " << largest);
      CHECK(largest > 1.0);
      CHECK(golden::largest_difference(g[a], expected) <
            torch_draws * float32.at("entry").get<double>() * largest);
    }
  }
}

TEST_CASE("gradients of a tiny model's choice loss equal PyTorch's", "[peft]") {
  const auto document = golden::load("llama_torch.json");
  REQUIRE(document.at("choices").size() == 2);
  for (const auto& j : document.at("choices")) check_choice(j, golden::one(j.at("of")).theta);
}

TEST_CASE("a real model's log-probabilities and gradients equal PyTorch's", "[peft]") {
  const char* path = std::getenv("ZOFO_MODEL");
  if (path == nullptr) {
    WARN("skipped: ZOFO_MODEL is not set");
    return;
  }
  const llm::Model m = llm::load_model(path);
  const auto document = golden::load("smollm2_torch.json");
  const auto& prompts = document.at("prompts");
  const auto& choices = document.at("choices");
  for (const auto& j : prompts)
    CHECK(m.tokenizer.encode(j.at("name").get<std::string>()) == j.at("tokens").get<llm::Tokens>());
  const Choice c(choices.at(0), m.parameters.config());
  check_prompts(prompts, "log_probabilities", c, m.parameters, -1);
  check_prompts(prompts, "adapted", c, m.parameters, 0);
  for (const auto& j : choices) {
    for (const auto& row : j.at("rows"))
      CHECK(m.tokenizer.encode(row.at("text").get<std::string>()) == row.at("prompt").get<llm::Tokens>());
    check_choice(j, m.parameters);
  }
}
