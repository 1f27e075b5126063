/// @file The backbone's arena: order, neighbours, copies.
#include "zofo/model/parameters.hpp"

#include <type_traits>

#include "catch.hpp"
#include "golden.hpp"

using namespace zofo::model;

TEST_CASE("tensors fill the arena without gaps, in the order of the forward pass", "[model]") {
  for (const char* name : {"no adapters", "wide vocabulary"}) {
    const Parameters theta = golden::one(name).theta.clone();
    std::uint64_t offset = 0;
    for (const auto& tensor : theta.tensors()) {
      INFO(tensor.name);
      CHECK(tensor.offset == offset);
      offset += tensor.size();
    }
    CHECK(offset == theta.values().size());
    CHECK(theta.tensors()[theta.layout().output_norm()].name == "output_norm");
    CHECK(theta.tensors()[theta.layout().head()].name == (theta.config().tied ? "token_embd" : "output"));
  }
}

TEST_CASE("a layer's tensors have the reference's names and shapes", "[model]") {
  const golden::Case c = golden::one("no adapters");
  const auto& tensors = c.theta.tensors();
  const Layout& layout = c.theta.layout();
  const auto is = [&](Role role, const char* name, std::uint32_t rows, std::uint32_t cols) {
    INFO(name);
    CHECK(tensors[layout.tensor(1, role)].name == std::string("blk.1.") + name);
    CHECK(tensors[layout.tensor(1, role)].rows == rows);
    CHECK(tensors[layout.tensor(1, role)].cols == cols);
  };
  is(Role::attn_norm, "attn_norm", 1, 12);
  is(Role::q, "attn_q", 24, 12);
  is(Role::k, "attn_k", 8, 12);
  is(Role::v, "attn_v", 8, 12);
  is(Role::o, "attn_output", 12, 24);
  is(Role::ffn_norm, "ffn_norm", 1, 12);
  is(Role::gate, "ffn_gate", 20, 12);
  is(Role::up, "ffn_up", 20, 12);
  is(Role::down, "ffn_down", 12, 20);
}

TEST_CASE("weights are copied by clone alone, and a clone is its own", "[model]") {
  static_assert(!std::is_copy_constructible_v<Parameters>);
  static_assert(!std::is_copy_assignable_v<Parameters>);
  static_assert(std::is_nothrow_move_constructible_v<Parameters>);
  Parameters theta = golden::parameters(golden::one("no adapters").shape);
  Parameters copy = theta.clone();
  CHECK(std::equal(copy.values().begin(), copy.values().end(), theta.values().begin()));
  copy.data(3)[0] += 1.0F;
  CHECK(copy.data(3)[0] != theta.data(3)[0]);
}

TEST_CASE("for_each_tensor visits every weight once under its index", "[model]") {
  Parameters theta(golden::one("no adapters").shape);
  std::uint32_t expected = 0;
  for_each_tensor(theta, [&](std::uint32_t stream, float* data, std::size_t n) {
    CHECK(stream == expected++);
    for (std::size_t i = 0; i < n; ++i) data[i] += 1.0F;
  });
  CHECK(expected == theta.tensors().size());
  CHECK(std::all_of(theta.values().begin(), theta.values().end(), [](float x) { return x == 1.0F; }));
}
