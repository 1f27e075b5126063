#include "zofo/peft/common_layout.hpp"

#include <Eigen/Core>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/core/random.hpp"
#include "zofo/model/config.hpp"

using namespace zofo;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace {

model::Config common_config() {
  model::Config c;
  c.vocab = 40;
  c.width = 16;
  c.layers = 2;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 4;
  c.ffn = 24;
  c.context = 32;
  return c;
}
Eigen::VectorXf random(const peft::Lora& lora, std::uint64_t seed) {
  Eigen::VectorXf x(static_cast<Eigen::Index>(lora.size()));
  normals(Direction{seed, 0, 0}, 0, 0, x.data(), lora.size());
  return x;
}
// scale · B A of a projection, zero where there is none.
Matrix change(const peft::Lora& lora, const Eigen::VectorXf& x, std::size_t layer,
              peft::Projection projection, std::uint32_t out, std::uint32_t in) {
  const peft::Lora::Factors& factors = lora.factors(layer, projection);
  if (!factors.used) return Matrix::Zero(out, in);
  const Eigen::Map<const Matrix> a(x.data() + factors.a, lora.rank(), factors.in);
  const Eigen::Map<const Matrix> b(x.data() + factors.b, factors.out, lora.rank());
  return lora.scale() * b * a;
}

}  // namespace

TEST_CASE("adapters of all ranks, scales and projections compute the same in one layout", "[peft]") {
  const model::Config c = common_config();
  const std::vector<peft::Lora> layouts{{c, {2, 16.0F, {"q", "v"}}}, {c, {5, 3.0F, {"v", "down"}}}};
  const peft::Lora common = peft::common_layout(c, layouts);
  CHECK(common.rank() == 5);
  CHECK(common.options().targets == std::vector<std::string>{"q", "v", "down"});
  for (std::size_t i = 0; i < 2; ++i) {
    const Eigen::VectorXf x = random(layouts[i], i + 3);
    const Eigen::VectorXf wide = peft::widen(c, layouts[i], x, common);
    for (std::size_t layer = 0; layer < c.layers; ++layer)
      for (const peft::Projection p : {peft::Projection::q, peft::Projection::v, peft::Projection::down}) {
        const peft::Lora::Factors& factors = common.factors(layer, p);
        const Matrix was = change(layouts[i], x, layer, p, factors.out, factors.in);
        const Matrix is = change(common, wide, layer, p, factors.out, factors.in);
        // fp32 sums of at most 5 products, whose factors were scaled once
        CHECK((is - was).cwiseAbs().maxCoeff() <= 2e-6F * (1.0F + was.cwiseAbs().maxCoeff()));
        CHECK((was.cwiseAbs().maxCoeff() > 0.0F) == layouts[i].factors(layer, p).used);
      }
  }
}

TEST_CASE("layouts that do not hold an adapter are refused", "[peft]") {
  const model::Config c = common_config();
  const peft::Lora small(c, {2, 2.0F, {"q"}}), large(c, {4, 4.0F, {"v"}});
  CHECK_THROWS_WITH(peft::common_layout(c, {}), contains("list of layouts is empty"));
  CHECK_THROWS_WITH(peft::widen(c, large, random(large, 1), small), contains("rank = 4"));
  CHECK_THROWS_WITH(peft::widen(c, small, random(small, 1), large), contains("projection 'q'"));
  CHECK_THROWS_WITH(peft::widen(c, small, random(large, 1), large), contains("entries"));
}
