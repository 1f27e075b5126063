/// @file Low-rank products of adapters and probes, and adapters' gradients, against double sums.
#include "zofo/tensor/cuda/kernels/low_rank.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "../catch.hpp"
#include "device.hpp"
#include "low_rank_cases.hpp"

using namespace zofo::tensor::cuda;
using namespace zofo::tensor::cuda::low_rank_cases;

namespace {

template <class T>
void check_forward(const Problem& p) {
  const DeviceArray<float> factors(p.factors), scales(p.scales);
  const DeviceArray<std::int32_t> adapter(p.adapter);
  const LowRankProjections projections = p.on_gpu(factors.data(), scales.data());
  const auto x = as<T>(random_values(1, p.rows.count() * p.in, 1.0F));
  const DeviceArray<T> x_gpu(x);
  DeviceArray<float> t(p.rows.count() * projections.t_width);
  low_rank_in<T>(nullptr, p.rows, projections, adapter.data(), x_gpu.data(), t.data());
  const auto t_host = t.host();
  CHECK(relative_error(t_host, p.t(exact(x))) < fp32_error);
  for (std::size_t row = 0; row < p.rows.count(); ++row)
    for (std::uint32_t s = 0; s < projections.count; ++s)
      if (p.index(s, row) < 0)
        REQUIRE(t_host[row * projections.t_width + projections.projection[s].t_at] == 0.0F);

  const auto y = as<T>(random_values(2, p.rows.count() * p.y_stride, 1.0F));
  DeviceArray<T> y_gpu(y);
  low_rank_out<T>(nullptr, p.rows, projections, adapter.data(), t.data(), y_gpu.data(), p.y_stride);
  CHECK(relative_error(y_gpu.host(), p.y(exact(t_host), exact(y))) < rounding<T>);
}

template <class T>
void check_backward(const Problem& p) {
  const DeviceArray<float> factors(p.factors), scales(p.scales);
  const DeviceArray<std::int32_t> adapter(p.adapter);
  const LowRankProjections projections = p.on_gpu(factors.data(), scales.data());
  const auto dy = as<T>(random_values(3, p.rows.count() * p.y_stride, 1.0F));
  const DeviceArray<T> dy_gpu(dy);
  DeviceArray<float> dt(p.rows.count() * projections.t_width);
  low_rank_back<T>(nullptr, p.rows, projections, adapter.data(), dy_gpu.data(), p.y_stride, dt.data());
  const auto dt_host = dt.host();
  CHECK(relative_error(dt_host, p.dt(exact(dy))) < fp32_error);

  const auto dx = as<T>(random_values(4, p.rows.count() * p.in, 1.0F));
  DeviceArray<T> dx_gpu(dx);
  low_rank_back_in<T>(nullptr, p.rows, projections, adapter.data(), dt.data(), dx_gpu.data());
  CHECK(relative_error(dx_gpu.host(), p.dx(exact(dt_host), exact(dx))) < rounding<T>);
}

// Random t and dt: their kernels are tested apart. Rows without an adapter hold NaN, which must not spread.
template <class T>
void check_gradients(const Problem& p) {
  const DeviceArray<float> factors(p.factors);
  const DeviceArray<std::int32_t> adapter(p.adapter);
  const LowRankProjections projections = p.on_gpu(factors.data(), nullptr);
  auto x = random_values(5, p.rows.count() * p.in), dy = random_values(6, p.rows.count() * p.y_stride);
  for (std::size_t row = 0; row < p.rows.count(); ++row)
    if (p.adapter[row] < 0) {
      std::fill_n(x.begin() + static_cast<std::ptrdiff_t>(row * p.in), p.in, not_a_number);
      std::fill_n(dy.begin() + static_cast<std::ptrdiff_t>(row * p.y_stride), p.y_stride, not_a_number);
    }
  const auto t = random_values(7, p.rows.count() * projections.t_width);
  const auto dt = random_values(8, p.rows.count() * projections.t_width);
  const DeviceArray<T> x_gpu(as<T>(x)), dy_gpu(as<T>(dy));
  const DeviceArray<float> t_gpu(t), dt_gpu(dt);
  const std::size_t floats = low_rank_gradients_workspace(p.rows, projections, p.adapters);
  const auto compute = [&] {
    DeviceArray<float> out(p.adapters * p.stride), workspace(floats);
    std::vector<LowRankGradient> to(projections.count);
    for (std::uint32_t s = 0; s < projections.count; ++s)
      if (!p.specs[s].by_probe) to[s] = {out.data() + p.a_at[s], out.data() + p.b_at[s], p.stride};
    low_rank_gradients<T>(nullptr, {.rows = p.rows,
                                    .projections = projections,
                                    .adapters = p.adapters,
                                    .adapter = adapter.data(),
                                    .x = x_gpu.data(),
                                    .t = t_gpu.data(),
                                    .dy = dy_gpu.data(),
                                    .dy_stride = p.y_stride,
                                    .dt = dt_gpu.data(),
                                    .gradient_of_projection = to.data(),
                                    .workspace = workspace.data()});
    return out.host();
  };
  auto got = compute();
  const auto expected = p.gradients(exact(as<T>(x)), exact(t), exact(as<T>(dy)), exact(dt));
  const auto again = compute();
  CHECK(std::memcmp(got.data(), again.data(), got.size() * sizeof(float)) == 0);
  // entries before the first factor and at projections by probe are unused
  for (std::uint32_t i = 0; i < p.adapters; ++i) {
    std::fill_n(got.begin() + static_cast<std::ptrdiff_t>(i * p.stride), p.shift, 0.0F);
    for (std::uint32_t s = 0; s < projections.count; ++s)
      if (p.specs[s].by_probe)
        std::fill_n(got.begin() + static_cast<std::ptrdiff_t>(i * p.stride + p.a_at[s]),
                    std::size_t{p.specs[s].rank} * (p.in + p.specs[s].out), 0.0F);
  }
  CHECK(relative_error(got, expected) < fp32_error);
}

}  // namespace

TEMPLATE_TEST_CASE("adapters' products equal their definition", "[cuda]", bf16, float) {
  SECTION("two adapters in runs, padding, a width of no whole number of steps") {
    const Problem p = lora(192, 1, 584, runs(192, {101, 70}));
    check_forward<TestType>(p);
    check_backward<TestType>(p);
  }
  SECTION("two probes") { check_forward<TestType>(lora(67, 2, 576, runs(67, {30, 30}))); }
  SECTION("another adapter in every row") {
    std::vector<std::int32_t> adapter(53);
    for (std::size_t i = 0; i < adapter.size(); ++i) adapter[i] = static_cast<std::int32_t>(i * 7 % 4) - 1;
    const Problem p = lora(53, 1, 64, adapter);
    check_forward<TestType>(p);
    check_backward<TestType>(p);
  }
  SECTION("one row") { check_forward<TestType>(lora(1, 1, 8, {2})); }
  SECTION("no row has an adapter") {
    const Problem p = lora(40, 1, 32, runs(40, {}));
    check_backward<TestType>(p);
    DeviceArray<float> factors(p.factors), t(40 * 16);
    const DeviceArray<std::int32_t> adapter(p.adapter);
    const DeviceArray<TestType> x(as<TestType>(random_values(1, 40 * 32)));
    low_rank_in<TestType>(nullptr, p.rows, p.on_gpu(factors.data(), nullptr), adapter.data(), x.data(),
                          t.data());
    CHECK(t.host() == std::vector<float>(40 * 16, 0.0F));
  }
  SECTION("long rows of few tokens") { check_forward<TestType>(lora(24, 1, 4096, runs(24, {20}))); }
}

// fp32 rows have a warp each, however many they are.
TEST_CASE("low-rank products with more rows a block", "[cuda]") {
  check_forward<bf16>(lora(2500, 2, 40, runs(2500, {1201, 1100})));  // 32 rows
  check_backward<bf16>(lora(2501, 1, 72, runs(2501, {1201, 1100})));
  check_forward<bf16>(lora(8500, 2, 32, runs(8500, {4203, 4100})));  // 64 rows
  check_forward<bf16>(adapters_and_probes(4300, 2, 4));              // 64 rows of more columns
  check_forward<bf16>(adapters_and_probes(2200, 2, 4));              // 32 of them
}

TEMPLATE_TEST_CASE("adapters' and probes' products share a pass", "[cuda]", bf16, float) {
  for (const std::uint32_t rank : {1U, 2U, 3U, 4U, 8U}) {
    const Problem p = adapters_and_probes(71, 2, rank);
    check_forward<TestType>(p);
    check_backward<TestType>(p);
  }
}

TEMPLATE_TEST_CASE("low-rank probes without adapters", "[cuda]", bf16, float) {
  Problem p = adapters_and_probes(45, 3, 4);
  p.specs.erase(p.specs.begin(), p.specs.begin() + 3);
  p.adapter.assign(45, -1);
  p.a_at.clear();
  p.b_at.clear();
  p.build(9);
  check_forward<TestType>(p);
  check_backward<TestType>(p);
}

TEMPLATE_TEST_CASE("large and odd ranks, and factors that are not aligned", "[cuda]", bf16, float) {
  for (const std::uint32_t rank : {5U, 20U}) {
    Problem p = adapters_and_probes(50, 1, 1);
    p.specs = {{rank, 56, 0, false}, {rank, 24, 56, false}, {rank + 1, 24, 80, false}};
    p.shift = 1;
    p.a_at.clear();
    p.b_at.clear();
    p.build(10);
    check_forward<TestType>(p);
    check_backward<TestType>(p);
    check_gradients<TestType>(p);
  }
}

TEMPLATE_TEST_CASE("a diverged adapter or row spoils no other row", "[cuda]", bf16, float) {
  Problem p = lora(40, 1, 64, runs(40, {25, 10}));
  auto spoilt = p.factors;
  std::fill_n(spoilt.begin() + static_cast<std::ptrdiff_t>(p.stride), p.stride, not_a_number);
  auto x = random_values(1, 40 * 64);
  std::fill_n(x.begin() + 3 * 64, 64, not_a_number);
  const DeviceArray<float> factors(spoilt);
  const DeviceArray<std::int32_t> adapter(p.adapter);
  const DeviceArray<TestType> x_gpu(as<TestType>(x));
  DeviceArray<float> t(40 * 16);
  low_rank_in<TestType>(nullptr, p.rows, p.on_gpu(factors.data(), nullptr), adapter.data(), x_gpu.data(),
                        t.data());
  const auto got = t.host();
  for (std::size_t row = 0; row < 40; ++row)
    for (std::size_t c = 0; c < 16; ++c)
      CHECK(std::isnan(got[row * 16 + c]) == (row == 3 || (row >= 25 && row < 35)));
}

TEMPLATE_TEST_CASE("adapters' gradients equal their definition", "[cuda]", bf16, float) {
  SECTION("runs, padding, an adapter without rows") {
    check_gradients<TestType>(lora(1003, 1, 72, runs(1003, {501, 400})));
  }
  SECTION("another adapter in every row") {
    std::vector<std::int32_t> adapter(150);
    for (std::size_t i = 0; i < adapter.size(); ++i) adapter[i] = static_cast<std::int32_t>(i * 5 % 4) - 1;
    check_gradients<TestType>(lora(150, 1, 520, adapter));
  }
  SECTION("probes' sites have no gradient") { check_gradients<TestType>(adapters_and_probes(65, 1, 4)); }
  SECTION("one row") { check_gradients<TestType>(lora(1, 1, 8, {1})); }
  SECTION("one adapter and padding") {
    Problem p = lora(530, 1, 136, runs(530, {520}));
    p.adapters = 1;
    check_gradients<TestType>(p);
  }
  SECTION("more rows than a slice") {
    check_gradients<TestType>(lora(2100, 1, 40, runs(2100, {900, 800, 390})));
  }
  SECTION("small ranks, and more than a block's") {
    for (const std::uint32_t rank : {1U, 2U, 12U, 24U}) {
      Problem p = lora(300, 1, 72, runs(300, {140, 100}));
      p.specs = {{rank, 72, 0, false}, {rank + 1, 24, 96, false}};
      p.a_at.clear();
      p.b_at.clear();
      p.build(rank);
      check_gradients<TestType>(p);
      check_forward<TestType>(p);
    }
  }
}
