/// @file Norms of heads, offsets of gains, partial rotation, scaled sums and caps against the CPU's
/// operations.
#include <cmath>
#include <cstdint>
#include <vector>

#include "../catch.hpp"
#include "device.hpp"
#include "rows_cases.hpp"
#include "zofo/tensor/cpu/elementwise.hpp"
#include "zofo/tensor/cpu/scaled.hpp"
#include "zofo/tensor/cpu/segment_norm.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"

using namespace zofo::tensor::cuda;
using namespace zofo::tensor::cuda::rows_cases;
namespace cpu = zofo::tensor::cpu;

TEMPLATE_TEST_CASE("norms of heads and their gradient equal the CPU's", "[cuda]", float, bf16) {
  struct Shape {
    std::uint32_t heads, kv_heads, dim;
    bool rows;
  };
  for (const Shape& shape : {Shape{4, 2, 64, false}, Shape{3, 1, 256, false}, Shape{5, 5, 8, false},
                             Shape{4, 2, 128, true}, Shape{2, 2, 8, true}})
    for (const float offset : {0.0F, 1.0F}) {
      const Rows rows{5, 2};
      const std::uint32_t queries = shape.heads * shape.dim, keys = shape.kv_heads * shape.dim;
      const std::uint32_t stride = queries + 2 * keys;
      const NormSegments segments{shape.rows ? 1 : shape.heads, shape.rows ? queries : shape.dim,
                                  shape.rows ? 1 : shape.kv_heads, shape.rows ? keys : shape.dim};
      Both<TestType> x(1, rows.count() * stride, 2.0F), d(2, rows.count() * stride);
      const Both<TestType> raw(1, rows.count() * stride, 2.0F);
      const Both<TestType> q_gain(3, 2 * segments.query_size), k_gain(4, 2 * segments.key_size);
      const auto arguments = [&](Both<TestType>& of, const Rows& count) {
        return SegmentNorm<TestType>{.rows = count,
                                     .stride = stride,
                                     .segments = segments,
                                     .query_gain = {q_gain.gpu.data(), segments.query_size},
                                     .key_gain = {k_gain.gpu.data(), segments.key_size},
                                     .offset = offset,
                                     .eps = eps,
                                     .x = of.gpu.data()};
      };
      segment_norm<TestType>(nullptr, arguments(x, rows));
      segment_norm_backward<TestType>(nullptr, arguments(d, rows), raw.gpu.data());
      std::vector<float> y = floats(x.host), dy = floats(d.host);
      const std::vector<float> from = floats(raw.host), qg = floats(q_gain.host), kg = floats(k_gain.host);
      const cpu::NormSegments q{0, segments.query_count, segments.query_size};
      const cpu::NormSegments k{queries, segments.key_count, segments.key_size};
      for (std::size_t probe = 0; probe < rows.probes; ++probe) {
        const std::size_t first = probe * rows.tokens;
        const auto part = [&](std::vector<float>& of) {
          return cpu::view(of.data() + first * stride, rows.tokens, stride);
        };
        const cpu::ConstView read = cpu::view(from.data() + first * stride, rows.tokens, stride);
        const float* const qp = qg.data() + probe * segments.query_size;
        const float* const kp = kg.data() + probe * segments.key_size;
        cpu::segment_norm(part(y), q, qp, offset, eps);
        cpu::segment_norm(part(y), k, kp, offset, eps);
        cpu::segment_norm_backward(read, q, qp, offset, eps, part(dy));
        cpu::segment_norm_backward(read, k, kp, offset, eps, part(dy));
      }
      INFO("heads " << shape.heads << ", dim " << shape.dim << ", rows " << shape.rows);
      CHECK(relative_error(x.gpu.host(), y) < limit<TestType>);
      CHECK(relative_error(d.gpu.host(), dy) < limit<TestType>);
    }
}

TEMPLATE_TEST_CASE("norms add the offset to their gains", "[cuda]", float, bf16) {
  for (const std::uint32_t width : {72U, 1032U, 4104U}) {
    const Rows rows{5, 1};
    const std::size_t n = rows.count() * width;
    Both<TestType> h(1, n, 2.0F), dh(4, n);
    const Both<TestType> gain(2, width), dx(3, n);
    DeviceArray<TestType> x(n);
    norm<TestType>(nullptr, {.kind = Norm::rms,
                             .rows = rows,
                             .width = width,
                             .h = h.gpu.data(),
                             .gain = {gain.gpu.data(), 0},
                             .eps = eps,
                             .offset = 1.0F,
                             .x = x.data()});
    norm_backward<TestType>(nullptr, {.kind = Norm::rms,
                                      .rows = rows,
                                      .width = width,
                                      .h = h.gpu.data(),
                                      .gain = {gain.gpu.data(), 0},
                                      .eps = eps,
                                      .offset = 1.0F,
                                      .dx = dx.gpu.data(),
                                      .accumulate = true,
                                      .dh = dh.gpu.data()});
    const std::vector<float> from = floats(h.host), g = floats(gain.host), d = floats(dx.host);
    std::vector<float> y(n), sum = floats(dh.host);
    cpu::rms_norm(cpu::view(from.data(), rows.count(), width), g.data(), eps,
                  cpu::view(y.data(), rows.count(), width), 1.0F);
    cpu::rms_norm_backward(cpu::view(from.data(), rows.count(), width), g.data(), eps,
                           cpu::view(d.data(), rows.count(), width),
                           cpu::view(sum.data(), rows.count(), width), 1.0F);
    INFO("width " << width);
    CHECK(relative_error(x.host(), y) < limit<TestType>);
    CHECK(relative_error(dh.gpu.host(), sum) < limit<TestType>);
  }
}

TEMPLATE_TEST_CASE("only the first entries of heads are turned", "[cuda]", float, bf16) {
  for (const std::uint32_t turned : {6U, 16U, 20U, 64U}) {
    const std::uint32_t heads = 3, dim = 64, stride = heads * dim + 8;
    const Rows rows{7, 2};
    std::vector<std::uint32_t> position;
    for (std::uint32_t t = 0; t < rows.tokens; ++t) position.push_back(t * 3 % 11);
    std::vector<float> cosines, sines;
    for (std::uint32_t p = 0; p < 11; ++p)
      for (std::uint32_t j = 0; j < turned / 2; ++j) {
        cosines.push_back(std::cos(0.3F * static_cast<float>(p * (j + 1))));
        sines.push_back(std::sin(0.3F * static_cast<float>(p * (j + 1))));
      }
    Both<TestType> qkv(5, rows.count() * stride);
    const DeviceArray<std::uint32_t> on_gpu(position);
    const DeviceArray<float> cosines_gpu(cosines), sines_gpu(sines);
    finish_qkv<TestType>(nullptr,
                         {.rows = rows,
                          .position = on_gpu.data(),
                          .rotation = {heads * dim, dim, turned, cosines_gpu.data(), sines_gpu.data(), 1.0F},
                          .stride = stride,
                          .qkv = qkv.gpu.data()});
    std::vector<float> expected = floats(qkv.host);
    for (std::size_t probe = 0; probe < rows.probes; ++probe)
      cpu::rotary(cpu::view(expected.data() + probe * rows.tokens * stride, rows.tokens, stride),
                  {heads, dim, turned}, position, cosines, sines, 1.0F);
    INFO("turned " << turned);
    CHECK(relative_error(qkv.gpu.host(), expected) < limit<TestType>);
  }
}

TEMPLATE_TEST_CASE("scaled sums equal the CPU's", "[cuda]", float, bf16) {
  const std::size_t n = 8 * 321;
  Both<TestType> h(6, n);
  const Both<TestType> x(7, n, 3.0F);
  DeviceArray<TestType> alone(n);
  scaled_sum<TestType>(nullptr, n, nullptr, x.gpu.data(), 0.3F, alone.data());
  scaled_sum<TestType>(nullptr, n, h.gpu.data(), x.gpu.data(), 0.3F, h.gpu.data());
  std::vector<double> product, sum;
  for (std::size_t i = 0; i < n; ++i) {
    product.push_back(static_cast<double>(0.3F) * x.exact[i]);
    sum.push_back(h.exact[i] + product.back());
  }
  CHECK(relative_error(alone.host(), product) < limit<TestType>);
  CHECK(relative_error(h.gpu.host(), sum) < limit<TestType>);
}

TEMPLATE_TEST_CASE("scaled and capped logits and their gradient equal the CPU's", "[cuda]", float, bf16) {
  const std::uint32_t rows = 5, columns = 301, stride = 304;
  for (const float cap : {0.0F, 4.0F}) {
    Both<float> logits(8, rows * stride, 9.0F);
    Both<TestType> d(9, rows * stride);
    const SoftCap soft{rows, columns, stride, 0.5F, cap};
    soft_cap(nullptr, soft, logits.gpu.data());
    soft_cap_backward<TestType>(nullptr, soft, logits.gpu.data(), d.gpu.data());
    std::vector<float> y = logits.host, dy = floats(d.host);
    cpu::soft_cap({y.data(), rows, columns, stride}, 0.5F, cap);
    cpu::soft_cap_backward({y.data(), rows, columns, stride}, 0.5F, cap, {dy.data(), rows, columns, stride});
    CHECK(relative_error(logits.gpu.host(), y) < 1e-5);
    CHECK(relative_error(d.gpu.host(), dy) < limit<TestType>);
  }
}
