/// @file Rotary positions and low-rank products on queries, keys and values, against the CPU's (fp32) and
/// double.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../catch.hpp"
#include "device.hpp"
#include "low_rank_projections.hpp"
#include "rows_cases.hpp"
#include "zofo/tensor/cpu/elementwise.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"

using namespace zofo::tensor::cuda;
using namespace zofo::tensor::cuda::rows_cases;
namespace cpu = zofo::tensor::cpu;

namespace {

/// Rotary tables of `positions` positions.
struct Tables {
  std::vector<float> cosines, sines;
  Tables(std::size_t positions, std::size_t dim) {
    for (std::size_t p = 0; p < positions; ++p)
      for (std::size_t j = 0; j < dim / 2; ++j) {
        const double angle =
            static_cast<double>(p) * std::pow(100.0, -static_cast<double>(2 * j) / static_cast<double>(dim));
        cosines.push_back(static_cast<float>(std::cos(angle)));
        sines.push_back(static_cast<float>(std::sin(angle)));
      }
  }
};

void turn(const Rows& rows, std::vector<double>& qkv, std::size_t stride, std::size_t heads, std::size_t dim,
          const std::vector<std::uint32_t>& position, const Tables& tables, double direction) {
  for (std::size_t r = 0; r < rows.count(); ++r)
    for (std::size_t c = 0; c < heads * dim; c += 2) {
      const std::size_t at = position[r % rows.tokens] * (dim / 2) + c % dim / 2;
      const double cosine = double{tables.cosines[at]}, sine = direction * double{tables.sines[at]};
      double& a = qkv[r * stride + c];
      double& b = qkv[r * stride + c + 1];
      const double before = a;
      a = before * cosine - b * sine;
      b = before * sine + b * cosine;
    }
}

}  // namespace

TEST_CASE("rotation equals the CPU's and direction -1 undoes it", "[cuda]") {
  for (const std::uint32_t dim : {64U, 10U}) {
    const Rows rows{6, 1};
    const std::uint32_t heads = 3, stride = 5 * dim + (8 - 5 * dim % 8) % 8;
    const std::vector<std::uint32_t> position{0, 1, 2, 0, 0, 1};
    const Tables tables(3, dim);
    const DeviceArray<std::uint32_t> position_gpu(position);
    const DeviceArray<float> cosines(tables.cosines), sines(tables.sines);
    Both<float> qkv(13, rows.count() * stride);
    PackedTokens packed;
    packed.position = position_gpu.data();
    const auto call = [&](float direction) {
      finish_qkv<float>(nullptr,
                        {.rows = rows,
                         .position = packed.position,
                         .rotation = {heads * dim, dim, dim, cosines.data(), sines.data(), direction},
                         .stride = stride,
                         .qkv = qkv.gpu.data()});
    };
    call(1.0F);
    auto expected = qkv.host;
    cpu::rotary(cpu::view(expected.data(), rows.count(), stride), {heads, dim, dim}, position, tables.cosines,
                tables.sines, 1.0F);
    CHECK(relative_error(qkv.gpu.host(), expected) < 1e-5);
    call(-1.0F);
    CHECK(relative_error(qkv.gpu.host(), qkv.host) < 1e-5);
  }
}

TEMPLATE_TEST_CASE("finish_qkv adds products, then turns", "[cuda]", float, bf16) {
  for (const std::uint32_t dim : {64U, 128U, 10U})
    for (const bool rotary : {true, false})
      for (const std::uint32_t rank : {8U, 4U, 3U, 1U, 2U, 12U, 16U}) {
        const Rows rows{21, 2};
        const std::uint32_t heads = 4, kv = 2, stride = (heads + 2 * kv) * dim;
        const auto adapter = adapters_of(rows.tokens, 3);
        std::vector<std::uint32_t> position;
        for (std::uint32_t i = 0; i < rows.tokens; ++i) position.push_back(i % 5);
        const Tables tables(5, dim);
        const DeviceArray<std::int32_t> adapter_gpu(adapter);
        const DeviceArray<std::uint32_t> position_gpu(position);
        const DeviceArray<float> cosines(tables.cosines), sines(tables.sines);
        // q and v as adapters have them, and a probe's projection over them; k has none.
        const TestProjections projections({{rank, 16, heads * dim, 0, false, false, 2.0F},
                                           {rank, 16, kv * dim, (heads + kv) * dim, false, false, 2.0F},
                                           {1, 16, heads * dim, 0, true, true, 0.5F}},
                                          3, 70);
        const Both<float> t(14, rows.count() * projections.t_width());
        Both<TestType> qkv(15, rows.count() * stride);
        PackedTokens packed;
        packed.position = position_gpu.data();
        packed.adapter = adapter_gpu.data();
        finish_qkv<TestType>(nullptr,
                             {.rows = rows,
                              .position = packed.position,
                              .rotation = {(heads + kv) * dim, dim, dim, rotary ? cosines.data() : nullptr,
                                           rotary ? sines.data() : nullptr, 1.0F},
                              .products = {projections.on_gpu(), packed.adapter, t.gpu.data()},
                              .stride = stride,
                              .qkv = qkv.gpu.data()});
        auto expected = qkv.exact;
        projections.add_products(rows, adapter, t.host, expected, stride);
        if (rotary) turn(rows, expected, stride, heads + kv, dim, position, tables, 1.0);
        INFO("dim " << dim << ", rotary " << rotary << ", rank " << rank);
        CHECK(relative_error(qkv.gpu.host(), expected) < limit<TestType>);
      }
}

TEMPLATE_TEST_CASE("finish_qkv turns bf16 as it turns fp32, and leaves the rest alone", "[cuda]", float,
                   bf16) {
  const Rows rows{3, 2};
  const std::uint32_t heads = 3, dim = 64, stride = 5 * dim;
  const std::vector<std::uint32_t> position{0, 1, 2};
  const Tables tables(3, dim);
  const DeviceArray<std::uint32_t> position_gpu(position);
  const DeviceArray<float> cosines(tables.cosines), sines(tables.sines);
  Both<TestType> qkv(16, rows.count() * stride);
  PackedTokens packed;
  packed.position = position_gpu.data();
  finish_qkv<TestType>(nullptr, {.rows = rows, .stride = stride, .qkv = qkv.gpu.data()});
  CHECK(relative_error(qkv.gpu.host(), qkv.exact) == 0.0);
  finish_qkv<TestType>(nullptr, {.rows = rows,
                                 .position = packed.position,
                                 .rotation = {heads * dim, dim, dim, cosines.data(), sines.data(), 1.0F},
                                 .stride = stride,
                                 .qkv = qkv.gpu.data()});
  auto expected = qkv.exact;
  turn(rows, expected, stride, heads, dim, position, tables, 1.0);
  const auto result = wide(qkv.gpu.host());
  CHECK(relative_error(result, expected) < limit<TestType>);
  bool untouched = true;
  for (std::size_t i = 0; i < result.size(); ++i)
    if (i % stride >= heads * dim) untouched &= result[i] == qkv.exact[i];
  CHECK(untouched);
}

TEMPLATE_TEST_CASE("a long batch is walked in groups of rows", "[cuda]", float, bf16) {
  const Rows rows{10003, 1};  // enough rows for a block to take several groups, the last one ragged
  const std::uint32_t width = 8;
  auto adapter = adapters_of(rows.tokens, 3);
  for (std::size_t i = 5000; i < 9000; ++i) adapter[i] = 1;
  const DeviceArray<std::int32_t> adapter_gpu(adapter);
  const TestProjections projections({{8, 16, width, 0, false, false, 2.0F}}, 3, 80);
  const Both<float> t(17, rows.count() * projections.t_width());
  Both<TestType> qkv(18, rows.count() * width), pre(18, rows.count() * width);
  PackedTokens packed;
  packed.adapter = adapter_gpu.data();
  finish_qkv<TestType>(nullptr, {.rows = rows,
                                 .products = {projections.on_gpu(), packed.adapter, t.gpu.data()},
                                 .stride = width,
                                 .qkv = qkv.gpu.data()});
  auto expected = qkv.exact;
  projections.add_products(rows, adapter, t.host, expected, width);
  CHECK(relative_error(qkv.gpu.host(), expected) < limit<TestType>);
  DeviceArray<TestType> y(rows.count() * width);
  activate<TestType>(nullptr, {.kind = Activation::relu,
                               .rows = rows,
                               .ffn = width,
                               .pre = pre.gpu.data(),
                               .products = {projections.on_gpu(), adapter_gpu.data(), t.gpu.data()},
                               .save_pre = true,
                               .y = y.data()});
  CHECK(relative_error(pre.gpu.host(), expected) < limit<TestType>);
  CHECK(relative_error(y.host(), activated(Activation::relu, expected, width)) < limit<TestType>);
}

TEMPLATE_TEST_CASE("many rows and columns: adapters and low-rank probes over q, k and v", "[cuda]", float,
                   bf16) {
  for (const std::uint32_t rank : {1U, 2U, 4U}) {
    const Rows rows{2051, 2};  // the second probe starts inside a tile, and so do the adapters
    const std::uint32_t q = 200, kv = 72, stride = q + 2 * kv;
    std::vector<std::int32_t> adapter(rows.tokens, -1);
    for (std::size_t i = 0; i < 2040; ++i) adapter[i] = i < 1000 ? 0 : i < 1500 ? 1 : i % 2 == 0 ? 1 : 2;
    const DeviceArray<std::int32_t> adapter_gpu(adapter);
    const TestProjections projections({{8, 16, q, 0, false, false, 2.0F},
                                       {8, 16, kv, q + kv, false, false, 2.0F},
                                       {rank, 16, q, 0, true, true, 0.5F},
                                       {rank, 16, kv, q, true, true, 0.5F},
                                       {rank, 16, kv, q + kv, true, true, 0.5F}},
                                      3, 85);
    const Both<float> t(31, rows.count() * projections.t_width());
    Both<TestType> qkv(32, rows.count() * stride), pre(32, rows.count() * stride);
    PackedTokens packed;
    packed.adapter = adapter_gpu.data();
    finish_qkv<TestType>(nullptr, {.rows = rows,
                                   .products = {projections.on_gpu(), packed.adapter, t.gpu.data()},
                                   .stride = stride,
                                   .qkv = qkv.gpu.data()});
    auto expected = qkv.exact;
    projections.add_products(rows, adapter, t.host, expected, stride);
    INFO("rank " << rank);
    CHECK(relative_error(qkv.gpu.host(), expected) < limit<TestType>);
    // In place, as a pass without a use for `pre` does.
    activate<TestType>(nullptr, {.kind = Activation::relu,
                                 .rows = rows,
                                 .ffn = stride,
                                 .pre = pre.gpu.data(),
                                 .products = {projections.on_gpu(), adapter_gpu.data(), t.gpu.data()},
                                 .save_pre = false,
                                 .y = pre.gpu.data()});
    CHECK(relative_error(pre.gpu.host(), activated(Activation::relu, wide(qkv.gpu.host()), stride)) == 0.0);
  }
}

TEST_CASE("a diverged adapter spoils no other row that shares its tile", "[cuda]") {
  const Rows rows{30, 1};
  const std::uint32_t width = 136;
  const auto adapter = adapters_of(rows.tokens, 2);
  const DeviceArray<std::int32_t> adapter_gpu(adapter);
  const TestProjections projections({{8, 16, width, 0, false, false, 2.0F}}, 1,
                                    95);  // with other factors below
  LowRankProjections list = projections.on_gpu();
  const std::size_t stride = list.projection[0].stride;
  auto factors = random_values(96, 2 * stride);
  std::fill(factors.begin() + static_cast<std::ptrdiff_t>(stride), factors.end(), NAN);
  const DeviceArray<float> factors_gpu(factors);
  list.projection[0].a = factors_gpu.data();
  list.projection[0].b = factors_gpu.data() + 8 * 16;
  const Both<float> t(33, rows.count() * projections.t_width());
  Both<bf16> y(34, rows.count() * width);
  PackedTokens packed;
  packed.adapter = adapter_gpu.data();
  finish_qkv<bf16>(
      nullptr,
      {.rows = rows, .products = {list, packed.adapter, t.gpu.data()}, .stride = width, .qkv = y.gpu.data()});
  const auto got = wide(y.gpu.host());
  for (std::size_t r = 0; r < rows.count(); ++r)
    for (std::size_t i = 0; i < width; ++i) CHECK(std::isnan(got[r * width + i]) == (adapter[r] == 1));
}
