/// @file Gradients of adapters against float64 central differences of the NumPy reference
/// (tests/golden/llama.json, opt.json).
#include "../model/golden.hpp"
#include "catch.hpp"

using namespace zofo;
using namespace zofo::model;

namespace {

struct LoraResult {
  double value = 0.0;
  std::vector<Eigen::VectorXf> gradients;
};

LoraResult lora_gradient(const golden::Case& c, bool recompute) {
  Transformer transformer(c.shape, c.lora, recompute);
  LoraResult r;
  r.gradients.resize(c.values.size());
  std::vector<Eigen::VectorXf*> pointers;
  for (auto& g : r.gradients) pointers.push_back(&g);
  r.value = transformer.value_and_gradient(c.theta, c.batch, c.adapters(), golden::curved_loss, pointers);
  return r;
}

}  // namespace

TEST_CASE("gradients of all projections equal central differences", "[peft]") {
  for (const char* name : {"two adapters", "wide vocabulary", "opt, several adapters",
                           "opt, every projection", "opt, wide vocabulary"}) {
    const golden::Case c = golden::one(name);
    const LoraResult r = lora_gradient(c, false);
    CHECK(r.value == Approx(c.loss).epsilon(1e-6));
    REQUIRE(r.gradients.size() == c.gradients.size());
    for (std::size_t a = 0; a < c.gradients.size(); ++a)
      for (std::size_t layer = 0; layer < c.shape.layers; ++layer)
        for (std::size_t p = 0; p < peft::projection_names.size(); ++p) {
          const auto& factors = c.lora.factors(layer, static_cast<peft::Projection>(p));
          if (!factors.used) continue;
          INFO(name << ", adapter " << a << ", layer " << layer << ", " << peft::projection_names[p]);
          const std::size_t end = factors.b + std::size_t{factors.out} * c.lora.rank();
          double high = 0.0, worst = 0.0;
          for (std::size_t i = factors.a; i < end; ++i) {
            const double expected = c.gradients[a][i];
            const double got = static_cast<double>(r.gradients[a][static_cast<Eigen::Index>(i)]);
            high = std::max(high, std::abs(expected));
            worst = std::max(worst, std::abs(got - expected));
          }
          CHECK(high > 1e-3);
          CHECK(worst < 1e-5 * std::max(high, 1.0));
        }
  }
}

TEST_CASE("recomputed activations give the same gradients", "[peft]") {
  for (const char* name : {"two adapters", "wide vocabulary", "opt, several adapters",
                           "opt, every projection", "opt, wide vocabulary"}) {
    const golden::Case c = golden::one(name);
    const LoraResult kept = lora_gradient(c, false), again = lora_gradient(c, true);
    CHECK(kept.value == again.value);
    for (std::size_t a = 0; a < kept.gradients.size(); ++a) CHECK(kept.gradients[a] == again.gradients[a]);
  }
}

TEST_CASE("the gradient's value is that of the forward pass", "[peft]") {
  const golden::Case c = golden::one("two adapters");
  Transformer transformer(c.shape, c.lora);
  const auto log_p = transformer.log_probabilities(c.theta, c.batch, c.adapters());
  std::vector<double> d(log_p.size());
  CHECK(lora_gradient(c, false).value == Approx(golden::curved_loss(log_p, d)).epsilon(1e-6));
}

TEST_CASE("two adapters in one batch get what each gets alone", "[peft]") {
  const golden::Case c = golden::one("two adapters");
  const LoraResult both = lora_gradient(c, false);
  Transformer transformer(c.shape, c.lora);
  for (std::size_t a = 0; a < 2; ++a) {
    // A loss of this adapter's targets only, in the same batch; the other's gradient is then zero.
    const auto own = [&](std::span<const double> log_p, std::span<double> d) {
      const double value = golden::curved_loss(log_p, d);
      for (std::size_t t = 0; t < d.size(); ++t)
        if (c.batch.adapter[c.batch.targets[t].sequence] != static_cast<int>(a)) d[t] = 0.0;
      return value;
    };
    std::vector<Eigen::VectorXf> g(2);
    const std::vector<Eigen::VectorXf*> pointers{&g[0], &g[1]};
    transformer.value_and_gradient(c.theta, c.batch, c.adapters(), own, pointers);
    CHECK((g[a] - both.gradients[a]).cwiseAbs().maxCoeff() < 1e-5F * both.gradients[a].cwiseAbs().maxCoeff());
    CHECK(g[1 - a].isZero(0.0F));
  }
}

TEST_CASE("a null gradient is skipped and changes no other", "[peft]") {
  const golden::Case c = golden::one("two adapters");
  const LoraResult both = lora_gradient(c, false);
  Transformer transformer(c.shape, c.lora);
  Eigen::VectorXf g = Eigen::VectorXf::Constant(3, 9.0F);  // of a wrong size and not zero: it is set again
  const std::vector<Eigen::VectorXf*> pointers{nullptr, &g};
  const double value =
      transformer.value_and_gradient(c.theta, c.batch, c.adapters(), golden::curved_loss, pointers);
  CHECK(value == both.value);
  CHECK(g == both.gradients[1]);
}
