/// @file Norms and their gradients against the CPU's (fp32) and their formulas in double.
#include <cmath>
#include <cstdint>
#include <vector>

#include "../catch.hpp"
#include "device.hpp"
#include "low_rank_projections.hpp"
#include "rows_cases.hpp"
#include "zofo/core/error_type.hpp"
#include "zofo/tensor/cpu/elementwise.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"

using namespace zofo::tensor::cuda;
using namespace zofo::tensor::cuda::rows_cases;
namespace cpu = zofo::tensor::cpu;

namespace {

struct Moments {
  double mean = 0.0, inverse = 0.0;
  Moments(Norm kind, const double* h, std::size_t n, double eps) {
    if (kind == Norm::layer) {
      for (std::size_t i = 0; i < n; ++i) mean += h[i];
      mean /= static_cast<double>(n);
    }
    double square = 0.0;
    for (std::size_t i = 0; i < n; ++i) square += (h[i] - mean) * (h[i] - mean);
    inverse = 1.0 / std::sqrt(square / static_cast<double>(n) + eps);
  }
};

/// gain and bias: [probes, width].
std::vector<double> normed(Norm kind, const Rows& rows, const std::vector<double>& h, std::size_t width,
                           const std::vector<double>& gain, const std::vector<double>& bias) {
  std::vector<double> x(h.size());
  for (std::size_t r = 0; r < rows.count(); ++r) {
    const Moments m(kind, h.data() + r * width, width, double{eps});
    const std::size_t probe = r / rows.tokens;
    for (std::size_t i = 0; i < width; ++i) {
      x[r * width + i] = (h[r * width + i] - m.mean) * m.inverse * gain[probe * width + i];
      if (kind == Norm::layer) x[r * width + i] += bias[probe * width + i];
    }
  }
  return x;
}

std::vector<double> norm_gradient(Norm kind, const Rows& rows, const std::vector<double>& h,
                                  std::size_t width, const std::vector<double>& gain,
                                  const std::vector<double>& dx) {
  std::vector<double> dh(h.size());
  const auto n = static_cast<double>(width);
  for (std::size_t r = 0; r < rows.count(); ++r) {
    const Moments m(kind, h.data() + r * width, width, double{eps});
    const double* const gains = gain.data() + r / rows.tokens * width;
    double mean = 0.0, along = 0.0;
    for (std::size_t i = 0; i < width; ++i) {
      const double slope = dx[r * width + i] * gains[i];
      mean += slope / n;
      along += slope * (h[r * width + i] - m.mean) * m.inverse / n;
    }
    if (kind == Norm::rms) mean = 0.0;
    for (std::size_t i = 0; i < width; ++i)
      dh[r * width + i] =
          m.inverse * (dx[r * width + i] * gains[i] - mean - (h[r * width + i] - m.mean) * m.inverse * along);
  }
  return dh;
}

}  // namespace

TEMPLATE_TEST_CASE("norms equal their formula at every width", "[cuda]", float, bf16) {
  for (const std::uint32_t width : {8U, 72U, 264U, 576U, 768U, 1024U, 1032U, 2048U, 4096U, 4104U, 8192U})
    for (const Norm kind : {Norm::rms, Norm::layer}) {
      const Rows rows{3, 2};
      Both<TestType> h(width, rows.count() * width, 3.0F);
      const Both<TestType> gain(2, 2 * width), bias(3, 2 * width);
      DeviceArray<TestType> x(rows.count() * width);
      norm<TestType>(nullptr, {.kind = kind,
                               .rows = rows,
                               .width = width,
                               .h = h.gpu.data(),
                               .gain = {gain.gpu.data(), width},
                               .bias = {bias.gpu.data(), width},
                               .eps = eps,
                               .x = x.data()});
      INFO("width " << width);
      CHECK(relative_error(x.host(), normed(kind, rows, h.exact, width, gain.exact, bias.exact)) <
            limit<TestType>);
      CHECK(relative_error(h.gpu.host(), h.exact) == 0.0);
    }
}

TEST_CASE("rms norm and its gradient equal the CPU's", "[cuda]") {
  for (const std::uint32_t width : {72U, 1032U}) {
    const Rows rows{5, 1};
    const std::size_t n = rows.count() * width;
    Both<float> h(1, n, 2.0F);
    const Both<float> gain(2, width), dx(3, n);
    Both<float> dh(4, n);
    DeviceArray<float> x(n);
    norm<float>(nullptr, {.kind = Norm::rms,
                          .rows = rows,
                          .width = width,
                          .h = h.gpu.data(),
                          .gain = {gain.gpu.data(), 0},
                          .eps = eps,
                          .x = x.data()});
    norm_backward<float>(nullptr, {.kind = Norm::rms,
                                   .rows = rows,
                                   .width = width,
                                   .h = h.gpu.data(),
                                   .gain = {gain.gpu.data(), 0},
                                   .eps = eps,
                                   .dx = dx.gpu.data(),
                                   .accumulate = true,
                                   .dh = dh.gpu.data()});
    std::vector<float> y(n), d = dh.host;
    cpu::rms_norm(cpu::view(h.host.data(), rows.count(), width), gain.host.data(), eps,
                  cpu::view(y.data(), rows.count(), width));
    cpu::rms_norm_backward(cpu::view(h.host.data(), rows.count(), width), gain.host.data(), eps,
                           cpu::view(dx.host.data(), rows.count(), width),
                           cpu::view(d.data(), rows.count(), width));
    CHECK(relative_error(x.host(), y) < 1e-5);
    CHECK(relative_error(dh.gpu.host(), d) < 1e-5);
  }
}

TEMPLATE_TEST_CASE("norm first adds the products that are pending", "[cuda]", float, bf16) {
  for (const std::uint32_t width : {24U, 576U, 1088U, 2048U, 4096U, 4104U})
    for (const Norm kind : {Norm::rms, Norm::layer}) {
      const Rows rows{11, 2};  // the second probe starts inside a group of four rows
      const auto adapter = adapters_of(rows.tokens, 2);
      const DeviceArray<std::int32_t> adapter_gpu(adapter);
      const TestProjections projections(row_projections(width), 2, 50);
      const Both<float> t(4, rows.count() * projections.t_width());
      Both<TestType> h(5, rows.count() * width, 2.0F);
      const Both<TestType> gain(6, 2 * width), bias(7, 2 * width);
      DeviceArray<TestType> x(rows.count() * width);
      norm<TestType>(nullptr, {.kind = kind,
                               .rows = rows,
                               .width = width,
                               .h = h.gpu.data(),
                               .products = {projections.on_gpu(), adapter_gpu.data(), t.gpu.data()},
                               .gain = {gain.gpu.data(), width},
                               .bias = {bias.gpu.data(), width},
                               .eps = eps,
                               .x = x.data()});
      auto expected = h.exact;
      projections.add_products(rows, adapter, t.host, expected, width);
      const auto raised = h.gpu.host();
      INFO("width " << width);
      CHECK(relative_error(raised, expected) < limit<TestType>);
      CHECK(relative_error(x.host(), normed(kind, rows, wide(raised), width, gain.exact, bias.exact)) <
            limit<TestType>);
    }
}

TEMPLATE_TEST_CASE("norm_backward equals its formula, added or overwritten", "[cuda]", float, bf16) {
  for (const std::uint32_t width : {8U, 264U, 576U, 768U, 1024U, 1032U, 2048U, 4096U, 4104U})
    for (const Norm kind : {Norm::rms, Norm::layer})
      for (const bool adapted : {false, true}) {
        const Rows rows{7, 1};
        const auto adapter = adapters_of(rows.tokens, 2);
        const DeviceArray<std::int32_t> adapter_gpu(adapter);
        const TestProjections projections(back_projections(width), 2, 60);
        const Both<float> dt(8, rows.count() * projections.t_width());
        const Both<TestType> h(9, rows.count() * width, 2.0F), gain(10, width), dx(11, rows.count() * width);
        Both<TestType> sum(12, rows.count() * width);
        DeviceArray<TestType> alone(rows.count() * width);
        const LowRankProjections low_rank = adapted ? projections.on_gpu() : LowRankProjections{};
        const auto call = [&](bool accumulate, TestType* dh) {
          norm_backward<TestType>(nullptr, {.kind = kind,
                                            .rows = rows,
                                            .width = width,
                                            .h = h.gpu.data(),
                                            .gain = {gain.gpu.data(), 0},
                                            .eps = eps,
                                            .dx = dx.gpu.data(),
                                            .products = {low_rank, adapter_gpu.data(), dt.gpu.data()},
                                            .accumulate = accumulate,
                                            .dh = dh});
        };
        call(true, sum.gpu.data());
        call(false, alone.data());
        auto raised = dx.exact;
        if (adapted) projections.add_back(rows, adapter, dt.host, raised, width);
        auto expected = norm_gradient(kind, rows, h.exact, width, gain.exact, raised);
        INFO("width " << width << ", adapted " << adapted);
        CHECK(relative_error(alone.host(), expected) < limit<TestType>);
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += sum.exact[i];
        CHECK(relative_error(sum.gpu.host(), expected) < limit<TestType>);
      }
}

TEST_CASE("a row too wide for registers is refused", "[cuda]") {
  CHECK_THROWS_AS(norm<float>(nullptr, {.kind = Norm::rms, .rows = {1, 1}, .width = 16392, .eps = eps}),
                  zofo::Error);
}
