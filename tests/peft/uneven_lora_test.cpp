/// @file LoRA whose projections have ranks, scales and blocks of their own: values and gradients are those of
/// the same adapter in a layout of one rank, whose additional entries are 0.
#include <cmath>

#include "../model/golden.hpp"
#include "catch.hpp"
#include "contains.hpp"
#include "zofo/config/make_adapter.hpp"
#include "zofo/peft/common_layout.hpp"

using namespace zofo;
using namespace zofo::model;
using peft::Projection;

namespace {

std::vector<peft::LoraModule> uneven() {
  return {{1, Projection::down, 3, 4.5F},
          {0, Projection::q, 1, 2.0F},
          {0, Projection::k, 5, 1.0F},
          {1, Projection::q, 4, 3.0F},
          {1, Projection::up, 2, 6.0F}};
}

struct UnevenResult {
  double value = 0.0;
  std::vector<Eigen::VectorXf> gradients;
};

UnevenResult uneven_gradient(const golden::Case& c, const peft::Lora& lora,
                             const std::vector<Eigen::VectorXf>& values) {
  Transformer transformer(c.shape, lora);
  UnevenResult r;
  r.gradients.resize(values.size());
  std::vector<const Eigen::VectorXf*> adapters;
  std::vector<Eigen::VectorXf*> pointers;
  for (const Eigen::VectorXf& each : values) adapters.push_back(&each);
  for (Eigen::VectorXf& each : r.gradients) pointers.push_back(&each);
  r.value = transformer.value_and_gradient(c.theta, c.batch, adapters, golden::curved_loss, pointers);
  return r;
}

}  // namespace

TEST_CASE("values and gradients of ranks and scales of their own are those of one padded rank", "[peft]") {
  const golden::Case c = golden::one("two adapters");
  const peft::Lora lora(c.shape, {8, 16.0F, {}, 0.0F, uneven()});
  const peft::Lora wide = peft::common_layout(c.shape, std::vector<peft::Lora>{lora});
  CHECK(lora.rank() == 5);
  CHECK(wide.rank() == 5);
  std::vector<Eigen::VectorXf> values, padded;
  for (std::size_t a = 0; a < c.values.size(); ++a) {
    Eigen::VectorXf x(static_cast<Eigen::Index>(lora.size()));
    for (Eigen::Index i = 0; i < x.size(); ++i)
      x[i] = 0.2F * std::sin(1.3F * static_cast<float>(i) + static_cast<float>(a));
    padded.push_back(peft::widen(c.shape, lora, x, wide));
    values.push_back(std::move(x));
  }
  const UnevenResult own = uneven_gradient(c, lora, values), common = uneven_gradient(c, wide, padded);
  CHECK(own.value == Approx(common.value).epsilon(1e-6));
  for (std::size_t a = 0; a < values.size(); ++a)
    for (std::size_t layer = 0; layer < c.shape.layers; ++layer)
      for (std::size_t p = 0; p < peft::projection_names.size(); ++p) {
        const auto& small = lora.factors(layer, static_cast<Projection>(p));
        const auto& large = wide.factors(layer, static_cast<Projection>(p));
        if (!small.used) continue;
        INFO("adapter " << a << ", layer " << layer << ", " << peft::projection_names[p]);
        // The padded B has the ratio of the scales as a factor, and its gradient the inverse.
        const double ratio = static_cast<double>(small.scale) / static_cast<double>(large.scale);
        double high = 0.0, worst = 0.0;
        const auto compare = [&](std::size_t here, std::size_t there, double factor) {
          const double expected =
              factor * static_cast<double>(common.gradients[a][static_cast<Eigen::Index>(there)]);
          high = std::max(high, std::abs(expected));
          worst = std::max(
              worst,
              std::abs(static_cast<double>(own.gradients[a][static_cast<Eigen::Index>(here)]) - expected));
        };
        for (std::size_t i = 0; i < std::size_t{small.rank} * small.in; ++i)
          compare(small.a + i, large.a + i, 1.0);
        for (std::size_t row = 0; row < small.out; ++row)
          for (std::size_t r = 0; r < small.rank; ++r)
            compare(small.b + row * small.rank + r, large.b + row * large.rank + r, ratio);
        CHECK(high > 1e-4);
        CHECK(worst < 1e-5 * std::max(high, 1.0));
      }
}

TEST_CASE("modules that are alike in all blocks are the targets", "[peft]") {
  const model::Config shape = golden::one("two adapters").shape;
  std::vector<peft::LoraModule> modules;
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer)
    for (const Projection p : {Projection::v, Projection::q}) modules.push_back({layer, p, 3, 6.0F});
  const peft::Lora lora(shape, {8, 16.0F, {}, 0.0F, modules}), equal(shape, {3, 6.0F, {"q", "v"}});
  CHECK(lora.options().modules.empty());
  CHECK(lora.options().targets == equal.options().targets);
  CHECK(lora.size() == equal.size());
  CHECK(lora.initial(3) == equal.initial(3));
  modules.push_back({0, Projection::q, 3, 6.0F});
  CHECK_THROWS_WITH(peft::Lora(shape, {8, 16.0F, {}, 0.0F, modules}),
                    contains("'q' of block 0 is named twice"));
  modules.back().layer = shape.layers;
  CHECK_THROWS_WITH(peft::Lora(shape, {8, 16.0F, {}, 0.0F, modules}), contains("the model has"));
}

TEST_CASE("target modules are written and read as text", "[peft]") {
  const model::Config shape = golden::one("two adapters").shape;
  const peft::Lora lora(shape, {8, 16.0F, {}, 0.0F, uneven()});
  const std::string text = llm::targets_of(lora, shape);
  CHECK(text == "0.q_proj:1,1.q_proj:4:3,0.k_proj:5:1,1.up_proj:2:6,1.down_proj:3:4.5");
  const peft::Lora again =
      llm::make_lora(shape, lora.rank(), static_cast<double>(lora.options().alpha), text);
  CHECK(again.options().modules == lora.options().modules);
  CHECK(llm::targets_of(llm::make_lora(shape, 4, 8.0, "v_proj,q"), shape) == "q_proj,v_proj");
  CHECK(llm::targets_of(llm::make_lora(shape, 4, 8.0, "q:4,v:2"), shape) == "q_proj,v_proj:2");
  CHECK(llm::targets_of(llm::make_lora(shape, 4, 8.0, "1.q"), shape) == "1.q_proj");
  for (const char* wrong : {"q:", "q:x", "q:2:", "x.q", ".q", "1.", "q:4:1x", "99.q", "4294967295.q", "q:0",
                            "1.w", "q,1.q", "1.q,1.q:2"}) {
    INFO(wrong);
    CHECK_THROWS_AS(llm::make_lora(shape, 4, 8.0, wrong), Error);
  }
}
