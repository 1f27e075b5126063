/// @file Prefix tuning, prompt tuning and LoRA's dropout against Hugging Face's peft and PyTorch
/// (tests/golden/peft.json, written by tests/golden/generators/peft_torch.py), and several kinds in one
/// packed pass. Tolerances as in families_test.cpp.
#include "catch.hpp"
#include "message.hpp"
#include "mixed.hpp"
#include "zofo/model/initial_adapter.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/perturb/gaussian.hpp"

using namespace zofo;
using namespace zofo::model;
using golden::family;
using golden::Mixed;
using nlohmann::json;
using peft::Kind;

namespace {

constexpr double draws = 4.0;

peft::Adapter layout_of(const json& j, const golden::Case& c) {
  const std::uint32_t tokens = j.at("tokens");
  if (j.at("adapter") == "prefix") return peft::Prefix(c.shape, {tokens});
  if (j.at("adapter") == "prompt") return peft::Prompt(c.shape, {tokens});
  peft::LoraOptions options = c.lora.options();
  options.dropout = j.at("dropout").at("rate");
  return peft::Lora(c.shape, options);
}

std::optional<peft::DropoutKey> key_of(const json& j) {
  if (j.at("dropout").is_null()) return {};
  return peft::DropoutKey{j.at("dropout").at("seed"), j.at("dropout").at("step")};
}

struct Result {
  double value = 0.0;
  std::vector<double> log_p;
  std::vector<Eigen::VectorXf> gradients;
};

Result gradient(const golden::Case& c, const peft::Adapters& layouts,
                const std::vector<Eigen::VectorXf>& values, bool recompute = false,
                std::optional<peft::DropoutKey> dropout = {}) {
  Transformer transformer(c.shape, layouts, recompute);
  Result r;
  r.gradients.resize(values.size());
  std::vector<const Eigen::VectorXf*> adapters;
  std::vector<Eigen::VectorXf*> pointers;
  for (const auto& v : values) adapters.push_back(&v);
  for (auto& g : r.gradients) pointers.push_back(&g);
  const auto loss = [&](std::span<const double> log_p, std::span<double> d) {
    r.log_p.assign(log_p.begin(), log_p.end());
    return golden::curved_loss(log_p, d);
  };
  r.value = transformer.value_and_gradient(c.theta, c.batch, adapters, loss, pointers, dropout);
  return r;
}

/// Adapters of one kind as peft_torch.py fills them.
std::vector<Eigen::VectorXf> filled(const golden::Case& c, const peft::Adapter& layout) {
  std::vector<Eigen::VectorXf> values;
  const float amplitude = peft::kind(layout) == Kind::lora ? 1.0F : 2.0F;
  for (std::size_t a = 0; a < c.values.size(); ++a)
    values.push_back(golden::adapter(a, peft::size(layout)) * amplitude);
  return values;
}

void check_digest(const json& j, std::size_t a, const Eigen::VectorXf& g) {
  const auto& digest = j.at("digests")[a];
  const double norm = digest.at("norm"), largest = std::abs(digest.at("entries")[0][1].get<double>());
  double sum = 0.0;
  for (Eigen::Index i = 0; i < g.size(); ++i)
    sum += static_cast<double>(g[i] * golden::formula(3000 + a, static_cast<std::uint64_t>(i)));
  const double bound = draws * j.at("float32").at("gradient").get<double>() * norm;
  INFO("adapter " << a);
  CHECK(norm > 1.0);
  CHECK(std::abs(static_cast<double>(g.norm()) - norm) < bound);
  CHECK(std::abs(sum - digest.at("sum").get<double>()) < bound);
  for (const auto& entry : digest.at("entries"))
    CHECK(std::abs(static_cast<double>(g[entry[0].get<Eigen::Index>()]) - entry[1].get<double>()) <
          draws * j.at("float32").at("entry").get<double>() * largest);
}

}  // namespace

TEST_CASE("prefixes, prompts and dropout equal peft's and PyTorch's", "[peft]") {
  const auto document = golden::load("peft.json");
  REQUIRE(document.at("cases").size() == 16);
  for (const auto& j : document.at("cases"))
    for (const bool recompute : {false, true}) {
      const golden::Case c = family(j.at("name"));
      const peft::Adapter layout = layout_of(j, c);
      INFO(c.name << ", " << j.at("adapter").get<std::string>() << ", recomputed " << recompute);
      const Result r = gradient(c, layout, filled(c, layout), recompute, key_of(j));
      const auto expected = j.at("log_probabilities").get<std::vector<double>>();
      CHECK(golden::largest_difference(r.log_p, expected) <
            draws * j.at("float32").at("log_probability").get<double>());
      CHECK(r.value == Approx(j.at("loss").get<double>()).epsilon(1e-6));
      REQUIRE(r.gradients.size() == j.at("digests").size());
      for (std::size_t a = 0; a < r.gradients.size(); ++a) check_digest(j, a, r.gradients[a]);
    }
}

TEST_CASE("an adapter initialised from tokens equals these tokens before the sequence", "[peft]") {
  const std::vector<std::int32_t> tokens{7, 0, 33, 60};
  for (const char* name :
       {"llama 2", "llama 3.1", "mistral", "qwen2", "125m type", "350m type", "projected"}) {
    const golden::Case c = family(name);
    for (const Kind kind : {Kind::prefix, Kind::prompt}) {
      const peft::Adapter layout = kind == Kind::prefix ? peft::Adapter(peft::Prefix(c.shape, {4}))
                                                        : peft::Adapter(peft::Prompt(c.shape, {4}));
      for (const bool recompute : {false, true}) {
        Transformer transformer(c.shape, layout, recompute);
        const Eigen::VectorXf start = initial_adapter(transformer, c.theta, layout, 1, tokens);
        Batch adapted, plain;
        for (std::uint32_t i = 0; i < c.batch.sequences(); ++i) {
          const auto text =
              std::span(c.batch.tokens)
                  .subspan(c.batch.cu_seqlens[i], c.batch.cu_seqlens[i + 1] - c.batch.cu_seqlens[i]);
          std::vector<std::int32_t> longer = tokens;
          longer.insert(longer.end(), text.begin(), text.end());
          adapted.add(text, 0);
          plain.add(longer, -1);
        }
        for (const Target& t : c.batch.targets) {
          adapted.targets.push_back(t);
          plain.targets.push_back({t.sequence, t.position + 4, t.token});
        }
        const Eigen::VectorXf* const adapters[] = {&start};
        INFO(name << ", " << peft::name(kind) << ", recomputed " << recompute);
        CHECK(golden::largest_difference(transformer.log_probabilities(c.theta, adapted, adapters),
                                         transformer.log_probabilities(c.theta, plain, {})) < 1e-5);
      }
    }
  }
}

TEST_CASE("a start without tokens is that of random ones, which the seed names", "[peft]") {
  const golden::Case c = family("llama 2");
  const peft::Adapter layout = peft::Prompt(c.shape, {6});
  Transformer transformer(c.shape, layout);
  const Eigen::VectorXf once = initial_adapter(transformer, c.theta, layout, 5);
  CHECK(once == initial_adapter(transformer, c.theta, layout, 5));
  CHECK(once != initial_adapter(transformer, c.theta, layout, 6));
  const auto tokens = random_tokens(5, 6, c.shape.vocab);
  for (std::size_t i = 0; i < 6; ++i) {
    REQUIRE(tokens[i] >= 0);
    REQUIRE(tokens[i] < static_cast<std::int32_t>(c.shape.vocab));
    for (std::size_t d = 0; d < c.shape.width; ++d)
      CHECK(once[static_cast<Eigen::Index>(i * c.shape.width + d)] ==
            c.theta.data(0)[static_cast<std::size_t>(tokens[i]) * c.shape.width + d]);
  }
  // Fewer tokens than rows come again; more are cut.
  const std::vector<std::int32_t> two{3, 9};
  const Eigen::VectorXf cycled = initial_adapter(transformer, c.theta, layout, 5, two);
  const auto width = static_cast<Eigen::Index>(c.shape.width);
  CHECK(cycled.segment(0, 2 * width) == cycled.segment(4 * width, 2 * width));
  const std::vector<std::int32_t> wrong{3, 61};
  CHECK(contains(message([&] { initial_adapter(transformer, c.theta, layout, 5, wrong); }), "token 61"));
}

TEST_CASE("kinds mixed in one pass give what each gives alone", "[peft]") {
  for (const char* name : {"llama 3.1", "mistral", "350m type", "projected"}) {
    const Mixed m(name);
    INFO(name);
    const Result together = gradient(m.c, peft::Adapters(m.layouts), m.values);
    Transformer forward(m.c.shape, peft::Adapters(m.layouts));
    std::vector<const Eigen::VectorXf*> adapters;
    for (const auto& v : m.values) adapters.push_back(&v);
    CHECK(golden::largest_difference(forward.log_probabilities(m.c.theta, m.c.batch, adapters),
                                     together.log_p) < 1e-5);
    std::vector<Eigen::VectorXf> sums;
    for (const auto& v : m.values) sums.push_back(Eigen::VectorXf::Zero(v.size()));
    for (std::uint32_t i = 0; i < m.c.batch.sequences(); ++i) {
      golden::Case alone = family(name);
      const int adapter = m.c.batch.adapter[i];
      alone.batch = {};
      alone.batch.add(
          std::span(m.c.batch.tokens)
              .subspan(m.c.batch.cu_seqlens[i], m.c.batch.cu_seqlens[i + 1] - m.c.batch.cu_seqlens[i]),
          adapter < 0 ? -1 : 0);
      std::vector<double> share;
      std::vector<std::size_t> number;
      for (std::size_t t = 0; t < m.c.batch.targets.size(); ++t)
        if (m.c.batch.targets[t].sequence == i) {
          alone.batch.targets.push_back({0, m.c.batch.targets[t].position, m.c.batch.targets[t].token});
          share.push_back(together.log_p[t]);
          number.push_back(t);
        }
      const std::size_t own = adapter < 0 ? 0 : static_cast<std::size_t>(adapter);
      const Kind kind = m.c.batch.kinds[own];
      Transformer single(m.c.shape, m.layouts[peft::index(kind)]);
      const Eigen::VectorXf* const its[] = {&m.values[own]};
      Eigen::VectorXf g;
      Eigen::VectorXf* const to[] = {&g};
      std::vector<double> log_p;
      // The weights of the loss are those of the targets' places in the whole batch.
      const auto loss = [&](std::span<const double> l, std::span<double> d) {
        log_p.assign(l.begin(), l.end());
        for (std::size_t t = 0; t < l.size(); ++t)
          d[t] = -1.0 - static_cast<double>(number[t] % 3) + 0.1 * l[t];
        return 0.0;
      };
      single.value_and_gradient(m.c.theta, alone.batch, its, loss, to);
      CHECK(golden::largest_difference(log_p, share) < 1e-5);
      if (adapter >= 0) sums[own] += g;
    }
    for (std::size_t a = 0; a < sums.size(); ++a) {
      INFO("adapter " << a);
      CHECK(sums[a].norm() > 0.1F);
      CHECK((sums[a] - together.gradients[a]).norm() < 1e-5F * sums[a].norm());
    }
  }
}

TEST_CASE("gradients of mixed kinds equal central differences", "[peft]") {
  for (const char* name : {"llama 3.1", "350m type"}) {
    Mixed m(name);
    const Result at = gradient(m.c, peft::Adapters(m.layouts), m.values);
    for (std::size_t a = 0; a < m.values.size(); ++a) {
      // Along the gradient itself: a step h in fp32 is off by h² of the third derivative and 1e-6 of the loss
      // over h.
      const Eigen::VectorXf direction = at.gradients[a].normalized();
      const float h = 0x1p-8F;
      const Eigen::VectorXf center = m.values[a];
      const auto value = [&](float step) {
        m.values[a] = center + step * direction;
        return gradient(m.c, peft::Adapters(m.layouts), m.values).value;
      };
      const double slope = (value(h) - value(-h)) / (2.0 * static_cast<double>(h));
      m.values[a] = center;
      INFO(name << ", adapter " << a);
      CHECK(slope == Approx(static_cast<double>(at.gradients[a].norm())).epsilon(2e-3));
    }
  }
}

TEST_CASE("probes change prefixed and prompted sequences like perturbed weights", "[peft]") {
  for (const char* name : {"llama 3.1", "125m type", "350m type"}) {
    const Mixed m(name);
    std::vector<const Eigen::VectorXf*> adapters;
    for (const auto& v : m.values) adapters.push_back(&v);
    Transformer transformer(m.c.shape, peft::Adapters(m.layouts));
    const Direction direction{4, 2, 0};
    const std::vector<Probe> probes{{direction, 0.02}, {direction, -0.02}};
    const auto probed = transformer.log_probabilities(m.c.theta, Gaussian{}, probes, m.c.batch, adapters);
    for (std::size_t j = 0; j < probes.size(); ++j) {
      Parameters moved = m.c.theta.clone();
      Gaussian{}.add(moved, direction, probes[j].scale);
      INFO(name << ", probe " << j);
      CHECK(golden::largest_difference(probed[j], transformer.log_probabilities(moved, m.c.batch, adapters)) <
            1e-5);
    }
  }
}

TEST_CASE("dropout is drawn by its key and only where it is asked for", "[peft]") {
  const golden::Case c = family("llama 2");
  peft::LoraOptions options = c.lora.options();
  options.dropout = 0.25F;
  const peft::Lora dropping(c.shape, options);
  const auto run = [&](const peft::Lora& lora, std::optional<peft::DropoutKey> key) {
    return gradient(c, lora, c.values, false, key);
  };
  const Result plain = run(c.lora, {});
  CHECK(run(dropping, {}).gradients == plain.gradients);
  CHECK(run(c.lora, peft::DropoutKey{1, 2}).gradients == plain.gradients);  // its rate is 0
  const Result dropped = run(dropping, peft::DropoutKey{1, 2});
  CHECK(dropped.gradients != plain.gradients);
  CHECK(dropped.gradients == run(dropping, peft::DropoutKey{1, 2}).gradients);
  CHECK(dropped.gradients != run(dropping, peft::DropoutKey{1, 3}).gradients);
  CHECK(dropped.gradients != run(dropping, peft::DropoutKey{2, 2}).gradients);
}

TEST_CASE("a mask drops its share and preserves the mean", "[peft]") {
  const std::size_t n = 40000;
  const std::vector<float> ones(n, 1.0F);
  std::vector<float> kept(n), piece(101);
  const peft::DropoutMask mask(0.3F);
  mask.apply<false>({9, 4}, 17, 6, ones.data(), n, kept.data());
  double sum = 0.0;
  for (const float x : kept) {
    REQUIRE((x == 0.0F || x == 1.0F / (1.0F - 0.3F)));
    sum += static_cast<double>(x);
  }
  // Four standard deviations of a mean of n draws of variance p/(1 − p).
  CHECK(std::abs(sum / static_cast<double>(n) - 1.0) < 4.0 * std::sqrt(0.3 / 0.7 / static_cast<double>(n)));
  // Any cut of the range gives the same entries.
  mask.apply<false>({9, 4}, 17, 6 + 1234, ones.data(), piece.size(), piece.data());
  CHECK(std::equal(piece.begin(), piece.end(), kept.begin() + 1234));
  const std::vector<float> first = piece;
  mask.apply<true>({9, 4}, 17, 6 + 1234, ones.data(), piece.size(), piece.data());
  for (std::size_t i = 0; i < piece.size(); ++i) CHECK(piece[i] == 2.0F * first[i]);
  CHECK(peft::DropoutMask(0.0F).threshold == 0);
}

TEST_CASE("what adapters of several kinds are refused for", "[peft]") {
  const golden::Case c = family("llama 2");
  const auto refused = [&](const std::function<void(Mixed&)>& change) {
    Mixed m("llama 2");
    Transformer transformer(m.c.shape, peft::Adapters(m.layouts));
    change(m);
    std::vector<const Eigen::VectorXf*> adapters;
    for (const auto& v : m.values) adapters.push_back(&v);
    return message([&] { transformer.log_probabilities(m.c.theta, m.c.batch, adapters); });
  };
  CHECK(refused([](Mixed&) {}).empty());
  CHECK(
      contains(refused([](Mixed& m) { m.c.batch.kinds.pop_back(); }), "kinds of 4 adapters: the call has 5"));
  CHECK(contains(refused([](Mixed& m) { m.c.batch.kinds[0] = static_cast<Kind>(7); }), "kind unknown"));
  CHECK(contains(refused([](Mixed& m) { m.c.batch.kinds[0] = Kind::prefix; }),
                 "64 entries: its layout has 384"));
  const std::vector<std::int32_t> tokens(29, 1);
  CHECK(
      contains(refused([&](Mixed& m) { m.c.batch.add(tokens, 0); }),
               "has 29 tokens: must be in [1, 28] (the model's context less the adapter's virtual tokens)"));
  CHECK(refused([&](Mixed& m) { m.c.batch.add(std::span(tokens).first(28), 0); }).empty());
  CHECK(refused([&](Mixed& m) { m.c.batch.add(tokens, 1); }).empty());  // LoRA takes no position

  Transformer lora_only(c.shape, c.lora);
  Mixed m("llama 2");
  std::vector<const Eigen::VectorXf*> adapters;
  for (const auto& v : m.values) adapters.push_back(&v);
  CHECK(contains(message([&] { lora_only.log_probabilities(m.c.theta, m.c.batch, adapters); }),
                 "kind prompt: the model has no such layout"));
  CHECK(contains(message([&] { peft::Adapters({c.lora, c.lora}); }), "two layouts of kind lora"));
  CHECK(contains(message([&] { peft::Adapters(std::vector<peft::Adapter>{}); }),
                 "no layout is given; name one of lora, prefix, prompt"));
  CHECK(contains(message([&] { peft::Prefix(c.shape, {0}); }), "prefix tokens = 0"));
  CHECK(contains(message([&] { peft::Prompt(c.shape, {32}); }),
                 "prompt tokens = 32: must be below 32 (the model's context)"));
  CHECK(contains(message([&] { Transformer(family("350m type").shape, peft::Prompt(c.shape, {4})); }),
                 "another shape"));
  peft::LoraOptions options;
  options.dropout = 1.0F;
  CHECK(contains(message([&] { options.check(); }), "lora dropout = 1"));
}
