/// @file The layout of adapters and their start.
#include "zofo/peft/lora.hpp"
#include "zofo/model/config.hpp"

#include <cmath>

#include "catch.hpp"

using namespace zofo;
using namespace zofo::peft;

namespace {

model::Config config() {
  model::Config c;
  c.vocab = 10;
  c.width = 12;
  c.layers = 3;
  c.heads = 6;
  c.kv_heads = 2;
  c.head_dim = 4;
  c.ffn = 20;
  c.context = 8;
  return c;
}

void check_refused(LoraOptions options, const std::string& part) {
  try {
    options.check();
    FAIL("accepted, should name: " << part);
  } catch (const Error& e) {
    INFO(e.what());
    CHECK(std::string(e.what()).find(part) != std::string::npos);
  }
  CHECK_THROWS_AS(Lora(config(), options), Error);
}

}  // namespace

TEST_CASE("factors fill the adapter without gaps or overlap", "[peft]") {
  const Lora lora(config(), {3, 6.0F, {"down", "q", "k", "v", "o", "up", "gate"}});
  // in and out of q, k, v, o, gate, up, down
  const std::uint32_t in[]{12, 12, 12, 24, 12, 12, 20};
  const std::uint32_t out[]{24, 8, 8, 12, 20, 20, 12};
  std::size_t at = 0;
  for (std::size_t layer = 0; layer < 3; ++layer)
    for (std::size_t p = 0; p < 7; ++p) {
      const Lora::Factors& factors = lora.factors(layer, static_cast<Projection>(p));
      INFO("layer " << layer << ", " << projection_names[p]);
      CHECK(factors.used);
      CHECK(factors.in == in[p]);
      CHECK(factors.out == out[p]);
      CHECK(factors.a == at);
      CHECK(factors.b == at + std::size_t{3} * in[p]);
      at = factors.b + std::size_t{3} * out[p];
    }
  CHECK(lora.size() == at);
  CHECK(lora.scale() == 2.0F);
}

TEST_CASE("projections that are not named carry nothing", "[peft]") {
  const Lora lora(config(), {2, 4.0F, {"v"}});
  CHECK(lora.size() == 3 * 2 * (12 + 8));
  for (std::size_t p = 0; p < 7; ++p)
    CHECK(lora.factors(1, static_cast<Projection>(p)).used == (static_cast<Projection>(p) == Projection::v));
}

TEST_CASE("an adapter starts with B zero and A uniform in ±1/√in", "[peft]") {
  const Lora lora(config(), {64, 16.0F, {"q", "o"}});
  const Eigen::VectorXf x = lora.initial(5);
  REQUIRE(static_cast<std::size_t>(x.size()) == lora.size());
  for (std::size_t layer = 0; layer < 3; ++layer)
    for (const Projection p : {Projection::q, Projection::o}) {
      const Lora::Factors& factors = lora.factors(layer, p);
      const auto a =
          x.segment(static_cast<Eigen::Index>(factors.a), 64 * static_cast<Eigen::Index>(factors.in));
      const auto b =
          x.segment(static_cast<Eigen::Index>(factors.b), 64 * static_cast<Eigen::Index>(factors.out));
      const float bound = 1.0F / std::sqrt(static_cast<float>(factors.in));
      const auto n = static_cast<float>(a.size());
      CHECK(b.isZero(0.0F));
      CHECK(a.cwiseAbs().maxCoeff() <= bound);
      CHECK(a.cwiseAbs().maxCoeff() > 0.97F * bound);
      // Five standard errors of the mean and of the mean square of a uniform variable.
      CHECK(std::abs(a.mean()) < 5.0F * bound / std::sqrt(3.0F * n));
      CHECK(a.squaredNorm() / n ==
            Approx(bound * bound / 3).epsilon(5.0 * std::sqrt(0.8 / static_cast<double>(n))));
    }
}

TEST_CASE("the start is a function of the seed", "[peft]") {
  const Lora lora(config(), {4, 16.0F, {"q", "v"}});
  CHECK(lora.initial(1) == lora.initial(1));
  CHECK(lora.initial(1) != lora.initial(2));
  const Eigen::VectorXf x = lora.initial(1);
  const auto first = [&](std::size_t layer) {
    return x.segment(static_cast<Eigen::Index>(lora.factors(layer, Projection::q).a), 48);
  };
  CHECK(first(0) != first(1));
}

TEST_CASE("options out of range are named", "[peft]") {
  check_refused({0, 16.0F, {"q"}}, "lora rank = 0");
  check_refused({1025, 16.0F, {"q"}}, "lora rank = 1025");
  check_refused({8, 0.0F, {"q"}}, "lora alpha");
  check_refused({8, std::nanf(""), {"q"}}, "lora alpha");
  check_refused({8, 16.0F, {}}, "lora targets: empty");
  check_refused({8, 16.0F, {"q", "query"}}, "'query' is not one of");
  check_refused({8, 16.0F, {"q", "v", "q"}}, "'q' is named twice");
}
