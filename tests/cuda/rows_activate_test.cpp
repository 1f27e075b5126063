/// @file Activations and their gradients against the CPU's (fp32) and their formulas in double.
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

double silu_derivative(double x) {
  const double sigma = 1.0 / (1.0 + std::exp(-x));
  return sigma * (1.0 + x * (1.0 - sigma));
}

double gelu_derivative(double x) {
  const double t = gelu_tangent(x);
  const double slope = std::sqrt(2.0 / 3.141592653589793) * (1.0 + 3.0 * 0.044715 * x * x);
  return 0.5 * (1.0 + t + x * (1.0 - t * t) * slope);
}

std::vector<double> activation_gradient(Activation kind, const std::vector<double>& pre,
                                        const std::vector<double>& dy, std::size_t ffn) {
  std::vector<double> d(pre.size());
  for (std::size_t i = 0; i < dy.size(); ++i) {
    if (kind == Activation::relu) {
      d[i] = pre[i] > 0.0 ? dy[i] : 0.0;
      continue;
    }
    const std::size_t gate = i / ffn * 2 * ffn + i % ffn;
    const bool gelus = kind == Activation::geglu;
    d[gate] = dy[i] * pre[gate + ffn] * (gelus ? gelu_derivative(pre[gate]) : silu_derivative(pre[gate]));
    d[gate + ffn] = dy[i] * (gelus ? gelu(pre[gate]) : silu(pre[gate]));
  }
  return d;
}

}  // namespace

TEST_CASE("swiglu and its gradient equal the CPU's", "[cuda]") {
  const Rows rows{5, 1};
  const std::uint32_t ffn = 1544;
  Both<float> pre(19, rows.count() * 2 * ffn, 8.0F);
  const Both<float> dy(20, rows.count() * ffn);
  DeviceArray<float> y(rows.count() * ffn), d(rows.count() * 2 * ffn);
  activate<float>(nullptr, {.kind = Activation::swiglu,
                            .rows = rows,
                            .ffn = ffn,
                            .pre = pre.gpu.data(),
                            .save_pre = false,
                            .y = y.data()});
  activate_backward<float>(nullptr, {.kind = Activation::swiglu,
                                     .rows = rows,
                                     .ffn = ffn,
                                     .pre = pre.gpu.data(),
                                     .dy = dy.gpu.data(),
                                     .d_pre = d.data()});
  std::vector<float> y_cpu(rows.count() * ffn), d_cpu(rows.count() * 2 * ffn);
  cpu::swiglu(cpu::view(pre.host.data(), rows.count(), 2 * ffn), cpu::view(y_cpu.data(), rows.count(), ffn));
  cpu::swiglu_backward(cpu::view(pre.host.data(), rows.count(), 2 * ffn),
                       cpu::view(dy.host.data(), rows.count(), ffn),
                       cpu::view(d_cpu.data(), rows.count(), 2 * ffn));
  CHECK(relative_error(y.host(), y_cpu) < 1e-5);
  CHECK(relative_error(d.host(), d_cpu) < 1e-5);
}

TEMPLATE_TEST_CASE("activations equal their formula", "[cuda]", float, bf16) {
  for (const Activation kind : {Activation::swiglu, Activation::geglu, Activation::relu})
    for (const std::uint32_t ffn : {8U, 136U, 2056U}) {
      const Rows rows{3, 2};
      const std::size_t n = rows.count() * ffn * inputs_of(kind);
      Both<TestType> pre(21, n, 6.0F);
      const Both<TestType> dy(22, rows.count() * ffn);
      DeviceArray<TestType> y(rows.count() * ffn);
      activate<TestType>(
          nullptr,
          {.kind = kind, .rows = rows, .ffn = ffn, .pre = pre.gpu.data(), .save_pre = false, .y = y.data()});
      CHECK(relative_error(y.host(), activated(kind, pre.exact, ffn)) < limit<TestType>);
      // In place, as a pass without a use for `pre` does.
      activate_backward<TestType>(nullptr, {.kind = kind,
                                            .rows = rows,
                                            .ffn = ffn,
                                            .pre = pre.gpu.data(),
                                            .dy = dy.gpu.data(),
                                            .d_pre = pre.gpu.data()});
      CHECK(relative_error(pre.gpu.host(), activation_gradient(kind, pre.exact, dy.exact, ffn)) <
            limit<TestType>);
    }
}

TEMPLATE_TEST_CASE("activations add products first", "[cuda]", float, bf16) {
  for (const Activation kind : {Activation::swiglu, Activation::geglu, Activation::relu})
    for (const std::uint32_t rank : {8U, 4U, 5U}) {
      const Rows rows{13, 2};
      const std::uint32_t ffn = 520;
      const std::size_t n = rows.count() * ffn * inputs_of(kind);
      const auto adapter = adapters_of(rows.tokens, 2);
      const DeviceArray<std::int32_t> adapter_gpu(adapter);
      std::vector<ProjectionShape> shapes{{rank, 16, ffn, 0, false, false, 0.5F},
                                          {2, 16, ffn, 0, true, true, 0.5F}};
      if (kind != Activation::relu) shapes.push_back({rank, 16, ffn, ffn, false, false, 0.5F});
      const TestProjections projections(shapes, 2, 90);
      const Both<float> t(23, rows.count() * projections.t_width());
      Both<TestType> pre(24, n, 2.0F), unkept(24, n, 2.0F);
      DeviceArray<TestType> y(rows.count() * ffn), y_unkept(rows.count() * ffn);
      const auto call = [&](Both<TestType>& from, bool keep, TestType* to) {
        activate<TestType>(nullptr, {.kind = kind,
                                     .rows = rows,
                                     .ffn = ffn,
                                     .pre = from.gpu.data(),
                                     .products = {projections.on_gpu(), adapter_gpu.data(), t.gpu.data()},
                                     .save_pre = keep,
                                     .y = to});
      };
      call(pre, true, y.data());
      call(unkept, false, y_unkept.data());
      auto raised = pre.exact;
      projections.add_products(rows, adapter, t.host, raised, ffn * inputs_of(kind));
      const auto kept = pre.gpu.host();
      CHECK(relative_error(kept, raised) < limit<TestType>);
      CHECK(relative_error(y.host(), activated(kind, wide(kept), ffn)) < limit<TestType>);
      CHECK(relative_error(y.host(), activated(kind, raised, ffn)) < limit_twice<TestType>);
      CHECK(wide(y_unkept.host()) == wide(y.host()));
      CHECK(wide(unkept.gpu.host()) == unkept.exact);
    }
}

TEST_CASE("relu may be computed in place, and a NaN stays NaN", "[cuda]") {
  std::vector<float> values = random_values(25, 16);
  values[3] = std::nanf("");
  DeviceArray<float> x(values);
  activate<float>(nullptr, {.kind = Activation::relu,
                            .rows = {2, 1},
                            .ffn = 8,
                            .pre = x.data(),
                            .save_pre = false,
                            .y = x.data()});
  const auto y = x.host();
  for (std::size_t i = 0; i < 16; ++i)
    if (i == 3)
      CHECK(std::isnan(y[i]));
    else
      CHECK(y[i] == std::max(values[i], 0.0F));
}

TEMPLATE_TEST_CASE("activate_backward first raises its gradient", "[cuda]", float, bf16) {
  for (const Activation kind : {Activation::swiglu, Activation::geglu, Activation::relu}) {
    const Rows rows{7, 1};
    const std::uint32_t ffn = 520;
    const auto adapter = adapters_of(rows.tokens, 2);
    const DeviceArray<std::int32_t> adapter_gpu(adapter);
    const TestProjections projections(back_projections(ffn), 2, 100);
    const Both<float> dt(26, rows.count() * projections.t_width());
    const Both<TestType> pre(27, rows.count() * ffn * inputs_of(kind), 3.0F), dy(28, rows.count() * ffn);
    DeviceArray<TestType> d(rows.count() * ffn * inputs_of(kind));
    activate_backward<TestType>(nullptr,
                                {.kind = kind,
                                 .rows = rows,
                                 .ffn = ffn,
                                 .pre = pre.gpu.data(),
                                 .dy = dy.gpu.data(),
                                 .products = {projections.on_gpu(), adapter_gpu.data(), dt.gpu.data()},
                                 .d_pre = d.data()});
    auto raised = dy.exact;
    projections.add_back(rows, adapter, dt.host, raised, ffn);
    CHECK(relative_error(d.host(), activation_gradient(kind, pre.exact, raised, ffn)) < limit<TestType>);
  }
}
