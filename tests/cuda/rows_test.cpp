/// @file Row-wise kernels against the CPU's operations (fp32) and their formulas in double on the values that
/// the card was given. Limits: 1e-5 in fp32; 4e-3 in bf16, whose one rounding of the output is 2^-9 at most.
#include "zofo/tensor/cuda/kernels/rows.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "../catch.hpp"
#include "device.hpp"
#include "low_rank_sites.hpp"
#include "zofo/core/random.hpp"
#include "zofo/tensor/cpu/elementwise.hpp"

using namespace zofo::tensor::cuda;
namespace cpu = zofo::tensor::cpu;

namespace {

template <class T>
constexpr double limit = std::is_same_v<T, float> ? 1e-5 : 4e-3;
/// Where a bf16 lies between the input and the output.
template <class T>
constexpr double limit_twice = std::is_same_v<T, float> ? 1e-5 : 1e-2;

template <class T>
std::vector<T> stored(const std::vector<float>& values) {
  if constexpr (std::is_same_v<T, float>)
    return values;
  else
    return to_bf16(values);
}

std::vector<double> wide(const std::vector<float>& values) { return {values.begin(), values.end()}; }
std::vector<double> wide(const std::vector<bf16>& values) { return wide(to_float(values)); }

/// Random values on the card and, as the card holds them, in double.
template <class T>
struct Both {
  std::vector<T> host;
  DeviceArray<T> card;
  std::vector<double> exact;
  Both(std::uint64_t seed, std::size_t n, float amplitude = 1.0F)
      : host(stored<T>(random_values(seed, n, amplitude))), card(host), exact(wide(host)) {}
};

/// Adapters of tokens: runs of different lengths, the last tokens padding.
std::vector<std::int32_t> adapters_of(std::size_t tokens, std::int32_t adapters) {
  std::vector<std::int32_t> adapter(tokens, -1);
  for (std::size_t i = 0; i + 2 < tokens; ++i) adapter[i] = static_cast<std::int32_t>(i / 3) % adapters;
  return adapter;
}

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

constexpr float eps = 1e-3F;

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

/// Sites whose products end in a row of `width`: adapters' of rank 8, odd ranks, and a probe's.
std::vector<SiteShape> row_sites(std::uint32_t width) {
  return {{8, 16, width, 0, false, false, 0.5F},
          {3, 16, width, 0, false, false, 1.5F},
          {2, 16, width, 0, true, true, 0.7F},
          {12, 16, width, 0, true, false, 0.3F}};
}
/// The same with their inputs in a row of `width`.
std::vector<SiteShape> back_sites(std::uint32_t width) {
  return {{8, width, 16, 0, false, false, 0.5F},
          {3, width, 16, 0, false, false, 1.5F},
          {5, width, 16, 0, true, true, 0.7F}};
}

double silu(double x) { return x / (1.0 + std::exp(-x)); }
double silu_slope(double x) {
  const double sigma = 1.0 / (1.0 + std::exp(-x));
  return sigma * (1.0 + x * (1.0 - sigma));
}

std::size_t inputs_of(Activation kind) { return kind == Activation::swiglu ? 2 : 1; }

std::vector<double> activated(Activation kind, const std::vector<double>& pre, std::size_t ffn) {
  if (kind == Activation::relu) {
    std::vector<double> y = pre;
    for (double& v : y) v = std::max(v, 0.0);
    return y;
  }
  std::vector<double> y(pre.size() / 2);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double* const row = pre.data() + i / ffn * 2 * ffn;
    y[i] = silu(row[i % ffn]) * row[ffn + i % ffn];
  }
  return y;
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
    d[gate] = dy[i] * pre[gate + ffn] * silu_slope(pre[gate]);
    d[gate + ffn] = dy[i] * silu(pre[gate]);
  }
  return d;
}

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

template <class T>
void check_embedding(Law law, std::uint32_t low_rank, bool with_positions, bool in_two = false) {
  const Rows rows{5, 2};
  const std::uint32_t width = 136, vocab = 11,
                      places = 9;  // several blocks of 128 signs, none at their start
  const std::vector<std::int32_t> token{10, 0, 3, 3, 0};
  const std::vector<std::uint32_t> position{0, 1, 6, 0, 0};
  const std::vector<ProbeArgument> probes{{7, 3, 1, 0.25F, 0}, {0x123456789ABCDEFU, 4, 0, -0.5F, 0}};
  const Both<T> table(1, vocab * width), positions(2, places * width);
  const std::size_t table_factors = low_rank * (vocab + width),
                    factors = low_rank * (vocab + places + 2 * width);
  const auto factor = random_values(3, 2 * factors);
  const DeviceArray<float> factor_card(factor);
  const DeviceArray<std::int32_t> token_card(token);
  const DeviceArray<std::uint32_t> position_card(position);
  const DeviceArray<ProbeArgument> probe_card(probes);
  DeviceArray<T> h(rows.count() * width);

  Embedding e{.width = width,
              .table_stream = 5,
              .position_stream = 6,
              .position_offset = 2,
              .law = law,
              .probes = probe_card.data()};
  if (low_rank > 0) {
    const float* const f = factor_card.data();
    e.table_noise = {f, f + std::size_t{low_rank} * vocab, factors, low_rank, vocab};
    e.position_noise = {f + table_factors, f + table_factors + std::size_t{low_rank} * places, factors,
                        low_rank, places};
  }
  PackedTokens packed;
  packed.token = token_card.data();
  packed.position = position_card.data();
  embed<T>(nullptr, e, rows, packed, table.card.data(),
           with_positions && !in_two ? positions.card.data() : nullptr, h.data());
  if (in_two) {  // the positions alone, added to what is there
    e.add = true;
    packed.token = nullptr;
    embed<T>(nullptr, e, rows, packed, nullptr, positions.card.data(), h.data());
  }

  std::vector<double> expected(rows.count() * width, 0.0);
  const auto add_row = [&](std::size_t r, const std::vector<double>& entries, std::uint32_t stream,
                           std::size_t table_rows, std::size_t factor_at, std::size_t row) {
    const ProbeArgument& p = probes[r / rows.tokens];
    std::vector<float> z(width, 0.0F);
    const zofo::Direction direction{p.seed, p.step, p.query};
    if (low_rank == 0 && law == Law::gaussian) zofo::normals(direction, stream, row * width, z.data(), width);
    if (low_rank == 0 && law == Law::rademacher)
      zofo::rademacher(direction, stream, row * width, z.data(), width);
    const float* const u = factor.data() + r / rows.tokens * factors + factor_at;
    const float* const v = u + low_rank * table_rows;
    for (std::size_t i = 0; i < width; ++i) {
      double noise = double{z[i]};
      for (std::size_t l = 0; l < low_rank; ++l)
        noise += double{u[l * table_rows + row]} * double{v[l * width + i]} /
                 std::sqrt(static_cast<double>(low_rank));
      expected[r * width + i] += entries[row * width + i] + double{p.scale} * noise;
    }
  };
  for (std::size_t r = 0; r < rows.count(); ++r) {
    const std::size_t at = r % rows.tokens;
    add_row(r, table.exact, 5, vocab, 0, static_cast<std::size_t>(token[at]));
    if (with_positions) add_row(r, positions.exact, 6, places, table_factors, position[at] + 2);
  }
  CHECK(relative_error(h.host(), expected) < limit<T>);
}

}  // namespace

TEMPLATE_TEST_CASE("embedding reads the rows of each probe", "[cuda]", float, bf16) {
  for (const bool with_positions : {false, true}) {
    check_embedding<TestType>(Law::none, 0, with_positions);
    check_embedding<TestType>(Law::gaussian, 0, with_positions);
    check_embedding<TestType>(Law::rademacher, 0, with_positions);
    check_embedding<TestType>(Law::gaussian, 3, with_positions);
  }
  for (const std::uint32_t low_rank : {0U, 3U})
    check_embedding<TestType>(Law::gaussian, low_rank, true, true);
}

TEMPLATE_TEST_CASE("embedding at theta needs no probes", "[cuda]", float, bf16) {
  const Both<TestType> table(1, 4 * 8);
  const DeviceArray<std::int32_t> token(std::vector<std::int32_t>{2});
  DeviceArray<TestType> h(8);
  PackedTokens packed;
  packed.token = token.data();
  embed<TestType>(nullptr, {.width = 8}, {1, 1}, packed, table.card.data(), nullptr, h.data());
  CHECK(wide(h.host()) == std::vector<double>(table.exact.begin() + 16, table.exact.begin() + 24));
}

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
                               .h = h.card.data(),
                               .gain = {gain.card.data(), width},
                               .bias = {bias.card.data(), width},
                               .eps = eps,
                               .x = x.data()});
      INFO("width " << width);
      CHECK(relative_error(x.host(), normed(kind, rows, h.exact, width, gain.exact, bias.exact)) <
            limit<TestType>);
      CHECK(relative_error(h.card.host(), h.exact) == 0.0);
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
                          .h = h.card.data(),
                          .gain = {gain.card.data(), 0},
                          .eps = eps,
                          .x = x.data()});
    norm_backward<float>(nullptr, {.kind = Norm::rms,
                                   .rows = rows,
                                   .width = width,
                                   .h = h.card.data(),
                                   .gain = {gain.card.data(), 0},
                                   .eps = eps,
                                   .dx = dx.card.data(),
                                   .accumulate = true,
                                   .dh = dh.card.data()});
    std::vector<float> y(n), d = dh.host;
    cpu::rms_norm(cpu::view(h.host.data(), rows.count(), width), gain.host.data(), eps,
                  cpu::view(y.data(), rows.count(), width));
    cpu::rms_norm_backward(cpu::view(h.host.data(), rows.count(), width), gain.host.data(), eps,
                           cpu::view(dx.host.data(), rows.count(), width),
                           cpu::view(d.data(), rows.count(), width));
    CHECK(relative_error(x.host(), y) < 1e-5);
    CHECK(relative_error(dh.card.host(), d) < 1e-5);
  }
}

TEMPLATE_TEST_CASE("norm first adds the products that are pending", "[cuda]", float, bf16) {
  for (const std::uint32_t width : {24U, 576U, 1088U, 2048U, 4096U, 4104U})
    for (const Norm kind : {Norm::rms, Norm::layer}) {
      const Rows rows{11, 2};  // the second probe starts inside a group of four rows
      const auto adapter = adapters_of(rows.tokens, 2);
      const DeviceArray<std::int32_t> adapter_card(adapter);
      const TestSites sites(row_sites(width), 2, 50);
      const Both<float> t(4, rows.count() * sites.t_width());
      Both<TestType> h(5, rows.count() * width, 2.0F);
      const Both<TestType> gain(6, 2 * width), bias(7, 2 * width);
      DeviceArray<TestType> x(rows.count() * width);
      norm<TestType>(nullptr, {.kind = kind,
                               .rows = rows,
                               .width = width,
                               .h = h.card.data(),
                               .products = {sites.on_card(), adapter_card.data(), t.card.data()},
                               .gain = {gain.card.data(), width},
                               .bias = {bias.card.data(), width},
                               .eps = eps,
                               .x = x.data()});
      auto expected = h.exact;
      sites.add_products(rows, adapter, t.host, expected, width);
      const auto raised = h.card.host();
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
        const DeviceArray<std::int32_t> adapter_card(adapter);
        const TestSites sites(back_sites(width), 2, 60);
        const Both<float> dt(8, rows.count() * sites.t_width());
        const Both<TestType> h(9, rows.count() * width, 2.0F), gain(10, width), dx(11, rows.count() * width);
        Both<TestType> sum(12, rows.count() * width);
        DeviceArray<TestType> alone(rows.count() * width);
        const LowRankSites low_rank = adapted ? sites.on_card() : LowRankSites{};
        const auto call = [&](bool accumulate, TestType* dh) {
          norm_backward<TestType>(nullptr, {.kind = kind,
                                            .rows = rows,
                                            .width = width,
                                            .h = h.card.data(),
                                            .gain = {gain.card.data(), 0},
                                            .eps = eps,
                                            .dx = dx.card.data(),
                                            .products = {low_rank, adapter_card.data(), dt.card.data()},
                                            .accumulate = accumulate,
                                            .dh = dh});
        };
        call(true, sum.card.data());
        call(false, alone.data());
        auto raised = dx.exact;
        if (adapted) sites.add_back(rows, adapter, dt.host, raised, width);
        auto expected = norm_gradient(kind, rows, h.exact, width, gain.exact, raised);
        INFO("width " << width << ", adapted " << adapted);
        CHECK(relative_error(alone.host(), expected) < limit<TestType>);
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += sum.exact[i];
        CHECK(relative_error(sum.card.host(), expected) < limit<TestType>);
      }
}

TEST_CASE("rotation equals the CPU's and direction -1 undoes it", "[cuda]") {
  for (const std::uint32_t dim : {64U, 10U}) {
    const Rows rows{6, 1};
    const std::uint32_t heads = 3, stride = 5 * dim + (8 - 5 * dim % 8) % 8;
    const std::vector<std::uint32_t> position{0, 1, 2, 0, 0, 1};
    const Tables tables(3, dim);
    const DeviceArray<std::uint32_t> position_card(position);
    const DeviceArray<float> cosines(tables.cosines), sines(tables.sines);
    Both<float> qkv(13, rows.count() * stride);
    PackedTokens packed;
    packed.position = position_card.data();
    const auto call = [&](float direction) {
      finish_qkv<float>(nullptr, {.rows = rows,
                                  .position = packed.position,
                                  .rotation = {heads * dim, dim, cosines.data(), sines.data(), direction},
                                  .stride = stride,
                                  .qkv = qkv.card.data()});
    };
    call(1.0F);
    auto expected = qkv.host;
    cpu::rotary(cpu::view(expected.data(), rows.count(), stride), heads, dim, position, tables.cosines,
                tables.sines, 1.0F);
    CHECK(relative_error(qkv.card.host(), expected) < 1e-5);
    call(-1.0F);
    CHECK(relative_error(qkv.card.host(), qkv.host) < 1e-5);
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
        const DeviceArray<std::int32_t> adapter_card(adapter);
        const DeviceArray<std::uint32_t> position_card(position);
        const DeviceArray<float> cosines(tables.cosines), sines(tables.sines);
        // q and v as adapters have them, and a probe's site over them; k has none.
        const TestSites sites({{rank, 16, heads * dim, 0, false, false, 2.0F},
                               {rank, 16, kv * dim, (heads + kv) * dim, false, false, 2.0F},
                               {1, 16, heads * dim, 0, true, true, 0.5F}},
                              3, 70);
        const Both<float> t(14, rows.count() * sites.t_width());
        Both<TestType> qkv(15, rows.count() * stride);
        PackedTokens packed;
        packed.position = position_card.data();
        packed.adapter = adapter_card.data();
        finish_qkv<TestType>(nullptr,
                             {.rows = rows,
                              .position = packed.position,
                              .rotation = {(heads + kv) * dim, dim, rotary ? cosines.data() : nullptr,
                                           rotary ? sines.data() : nullptr, 1.0F},
                              .products = {sites.on_card(), packed.adapter, t.card.data()},
                              .stride = stride,
                              .qkv = qkv.card.data()});
        auto expected = qkv.exact;
        sites.add_products(rows, adapter, t.host, expected, stride);
        if (rotary) turn(rows, expected, stride, heads + kv, dim, position, tables, 1.0);
        INFO("dim " << dim << ", rotary " << rotary << ", rank " << rank);
        CHECK(relative_error(qkv.card.host(), expected) < limit<TestType>);
      }
}

TEMPLATE_TEST_CASE("finish_qkv turns bf16 as it turns fp32, and leaves the rest alone", "[cuda]", float,
                   bf16) {
  const Rows rows{3, 2};
  const std::uint32_t heads = 3, dim = 64, stride = 5 * dim;
  const std::vector<std::uint32_t> position{0, 1, 2};
  const Tables tables(3, dim);
  const DeviceArray<std::uint32_t> position_card(position);
  const DeviceArray<float> cosines(tables.cosines), sines(tables.sines);
  Both<TestType> qkv(16, rows.count() * stride);
  PackedTokens packed;
  packed.position = position_card.data();
  finish_qkv<TestType>(nullptr, {.rows = rows, .stride = stride, .qkv = qkv.card.data()});
  CHECK(relative_error(qkv.card.host(), qkv.exact) == 0.0);
  finish_qkv<TestType>(nullptr, {.rows = rows,
                                 .position = packed.position,
                                 .rotation = {heads * dim, dim, cosines.data(), sines.data(), 1.0F},
                                 .stride = stride,
                                 .qkv = qkv.card.data()});
  auto expected = qkv.exact;
  turn(rows, expected, stride, heads, dim, position, tables, 1.0);
  const auto result = wide(qkv.card.host());
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
  const DeviceArray<std::int32_t> adapter_card(adapter);
  const TestSites sites({{8, 16, width, 0, false, false, 2.0F}}, 3, 80);
  const Both<float> t(17, rows.count() * sites.t_width());
  Both<TestType> qkv(18, rows.count() * width), pre(18, rows.count() * width);
  PackedTokens packed;
  packed.adapter = adapter_card.data();
  finish_qkv<TestType>(nullptr, {.rows = rows,
                                 .products = {sites.on_card(), packed.adapter, t.card.data()},
                                 .stride = width,
                                 .qkv = qkv.card.data()});
  auto expected = qkv.exact;
  sites.add_products(rows, adapter, t.host, expected, width);
  CHECK(relative_error(qkv.card.host(), expected) < limit<TestType>);
  DeviceArray<TestType> y(rows.count() * width);
  activate<TestType>(nullptr, {.kind = Activation::relu,
                               .rows = rows,
                               .ffn = width,
                               .pre = pre.card.data(),
                               .products = {sites.on_card(), adapter_card.data(), t.card.data()},
                               .keep_pre = true,
                               .y = y.data()});
  CHECK(relative_error(pre.card.host(), expected) < limit<TestType>);
  CHECK(relative_error(y.host(), activated(Activation::relu, expected, width)) < limit<TestType>);
}

TEMPLATE_TEST_CASE("many rows and columns: adapters and low-rank probes over q, k and v", "[cuda]", float,
                   bf16) {
  for (const std::uint32_t rank : {1U, 2U, 4U}) {
    const Rows rows{2051, 2};  // the second probe starts inside a tile, and so do the adapters
    const std::uint32_t q = 200, kv = 72, stride = q + 2 * kv;
    std::vector<std::int32_t> adapter(rows.tokens, -1);
    for (std::size_t i = 0; i < 2040; ++i) adapter[i] = i < 1000 ? 0 : i < 1500 ? 1 : i % 2 == 0 ? 1 : 2;
    const DeviceArray<std::int32_t> adapter_card(adapter);
    const TestSites sites({{8, 16, q, 0, false, false, 2.0F},
                           {8, 16, kv, q + kv, false, false, 2.0F},
                           {rank, 16, q, 0, true, true, 0.5F},
                           {rank, 16, kv, q, true, true, 0.5F},
                           {rank, 16, kv, q + kv, true, true, 0.5F}},
                          3, 85);
    const Both<float> t(31, rows.count() * sites.t_width());
    Both<TestType> qkv(32, rows.count() * stride), pre(32, rows.count() * stride);
    PackedTokens packed;
    packed.adapter = adapter_card.data();
    finish_qkv<TestType>(nullptr, {.rows = rows,
                                   .products = {sites.on_card(), packed.adapter, t.card.data()},
                                   .stride = stride,
                                   .qkv = qkv.card.data()});
    auto expected = qkv.exact;
    sites.add_products(rows, adapter, t.host, expected, stride);
    INFO("rank " << rank);
    CHECK(relative_error(qkv.card.host(), expected) < limit<TestType>);
    // In place, as a pass without a use for `pre` does.
    activate<TestType>(nullptr, {.kind = Activation::relu,
                                 .rows = rows,
                                 .ffn = stride,
                                 .pre = pre.card.data(),
                                 .products = {sites.on_card(), adapter_card.data(), t.card.data()},
                                 .keep_pre = false,
                                 .y = pre.card.data()});
    CHECK(relative_error(pre.card.host(), activated(Activation::relu, wide(qkv.card.host()), stride)) == 0.0);
  }
}

TEST_CASE("a diverged adapter spoils no other row that shares its tile", "[cuda]") {
  const Rows rows{30, 1};
  const std::uint32_t width = 136;
  const auto adapter = adapters_of(rows.tokens, 2);
  const DeviceArray<std::int32_t> adapter_card(adapter);
  const TestSites sites({{8, 16, width, 0, false, false, 2.0F}}, 1, 95);  // with other factors below
  LowRankSites list = sites.on_card();
  const std::size_t stride = list.site[0].stride;
  auto factors = random_values(96, 2 * stride);
  std::fill(factors.begin() + static_cast<std::ptrdiff_t>(stride), factors.end(), NAN);
  const DeviceArray<float> factors_card(factors);
  list.site[0].a = factors_card.data();
  list.site[0].b = factors_card.data() + 8 * 16;
  const Both<float> t(33, rows.count() * sites.t_width());
  Both<bf16> y(34, rows.count() * width);
  PackedTokens packed;
  packed.adapter = adapter_card.data();
  finish_qkv<bf16>(nullptr, {.rows = rows,
                             .products = {list, packed.adapter, t.card.data()},
                             .stride = width,
                             .qkv = y.card.data()});
  const auto got = wide(y.card.host());
  for (std::size_t r = 0; r < rows.count(); ++r)
    for (std::size_t i = 0; i < width; ++i) CHECK(std::isnan(got[r * width + i]) == (adapter[r] == 1));
}

TEST_CASE("swiglu and its gradient equal the CPU's", "[cuda]") {
  const Rows rows{5, 1};
  const std::uint32_t ffn = 1544;
  Both<float> pre(19, rows.count() * 2 * ffn, 8.0F);
  const Both<float> dy(20, rows.count() * ffn);
  DeviceArray<float> y(rows.count() * ffn), d(rows.count() * 2 * ffn);
  activate<float>(nullptr, {.kind = Activation::swiglu,
                            .rows = rows,
                            .ffn = ffn,
                            .pre = pre.card.data(),
                            .keep_pre = false,
                            .y = y.data()});
  activate_backward<float>(nullptr, {.kind = Activation::swiglu,
                                     .rows = rows,
                                     .ffn = ffn,
                                     .pre = pre.card.data(),
                                     .dy = dy.card.data(),
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
  for (const Activation kind : {Activation::swiglu, Activation::relu})
    for (const std::uint32_t ffn : {8U, 136U, 2056U}) {
      const Rows rows{3, 2};
      const std::size_t n = rows.count() * ffn * inputs_of(kind);
      Both<TestType> pre(21, n, 6.0F);
      const Both<TestType> dy(22, rows.count() * ffn);
      DeviceArray<TestType> y(rows.count() * ffn);
      activate<TestType>(
          nullptr,
          {.kind = kind, .rows = rows, .ffn = ffn, .pre = pre.card.data(), .keep_pre = false, .y = y.data()});
      CHECK(relative_error(y.host(), activated(kind, pre.exact, ffn)) < limit<TestType>);
      // In place, as a pass without a use for `pre` does.
      activate_backward<TestType>(nullptr, {.kind = kind,
                                            .rows = rows,
                                            .ffn = ffn,
                                            .pre = pre.card.data(),
                                            .dy = dy.card.data(),
                                            .d_pre = pre.card.data()});
      CHECK(relative_error(pre.card.host(), activation_gradient(kind, pre.exact, dy.exact, ffn)) <
            limit<TestType>);
    }
}

TEMPLATE_TEST_CASE("activations add products first", "[cuda]", float, bf16) {
  for (const Activation kind : {Activation::swiglu, Activation::relu})
    for (const std::uint32_t rank : {8U, 4U, 5U}) {
      const Rows rows{13, 2};
      const std::uint32_t ffn = 520;
      const std::size_t n = rows.count() * ffn * inputs_of(kind);
      const auto adapter = adapters_of(rows.tokens, 2);
      const DeviceArray<std::int32_t> adapter_card(adapter);
      std::vector<SiteShape> shapes{{rank, 16, ffn, 0, false, false, 0.5F},
                                    {2, 16, ffn, 0, true, true, 0.5F}};
      if (kind == Activation::swiglu) shapes.push_back({rank, 16, ffn, ffn, false, false, 0.5F});
      const TestSites sites(shapes, 2, 90);
      const Both<float> t(23, rows.count() * sites.t_width());
      Both<TestType> pre(24, n, 2.0F), unkept(24, n, 2.0F);
      DeviceArray<TestType> y(rows.count() * ffn), y_unkept(rows.count() * ffn);
      const auto call = [&](Both<TestType>& from, bool keep, TestType* to) {
        activate<TestType>(nullptr, {.kind = kind,
                                     .rows = rows,
                                     .ffn = ffn,
                                     .pre = from.card.data(),
                                     .products = {sites.on_card(), adapter_card.data(), t.card.data()},
                                     .keep_pre = keep,
                                     .y = to});
      };
      call(pre, true, y.data());
      call(unkept, false, y_unkept.data());
      auto raised = pre.exact;
      sites.add_products(rows, adapter, t.host, raised, ffn * inputs_of(kind));
      const auto kept = pre.card.host();
      CHECK(relative_error(kept, raised) < limit<TestType>);
      CHECK(relative_error(y.host(), activated(kind, wide(kept), ffn)) < limit<TestType>);
      CHECK(relative_error(y.host(), activated(kind, raised, ffn)) < limit_twice<TestType>);
      CHECK(wide(y_unkept.host()) == wide(y.host()));
      CHECK(wide(unkept.card.host()) == unkept.exact);
    }
}

TEST_CASE("relu may be done in place, and keeps a NaN", "[cuda]") {
  std::vector<float> values = random_values(25, 16);
  values[3] = std::nanf("");
  DeviceArray<float> x(values);
  activate<float>(nullptr, {.kind = Activation::relu,
                            .rows = {2, 1},
                            .ffn = 8,
                            .pre = x.data(),
                            .keep_pre = false,
                            .y = x.data()});
  const auto y = x.host();
  for (std::size_t i = 0; i < 16; ++i)
    if (i == 3)
      CHECK(std::isnan(y[i]));
    else
      CHECK(y[i] == std::max(values[i], 0.0F));
}

TEMPLATE_TEST_CASE("activate_backward first raises its gradient", "[cuda]", float, bf16) {
  for (const Activation kind : {Activation::swiglu, Activation::relu}) {
    const Rows rows{7, 1};
    const std::uint32_t ffn = 520;
    const auto adapter = adapters_of(rows.tokens, 2);
    const DeviceArray<std::int32_t> adapter_card(adapter);
    const TestSites sites(back_sites(ffn), 2, 100);
    const Both<float> dt(26, rows.count() * sites.t_width());
    const Both<TestType> pre(27, rows.count() * ffn * inputs_of(kind), 3.0F), dy(28, rows.count() * ffn);
    DeviceArray<TestType> d(rows.count() * ffn * inputs_of(kind));
    activate_backward<TestType>(nullptr, {.kind = kind,
                                          .rows = rows,
                                          .ffn = ffn,
                                          .pre = pre.card.data(),
                                          .dy = dy.card.data(),
                                          .products = {sites.on_card(), adapter_card.data(), dt.card.data()},
                                          .d_pre = d.data()});
    auto raised = dy.exact;
    sites.add_back(rows, adapter, dt.host, raised, ffn);
    CHECK(relative_error(d.host(), activation_gradient(kind, pre.exact, raised, ffn)) < limit<TestType>);
  }
}

TEMPLATE_TEST_CASE("rows are gathered at every probe and scattered back", "[cuda]", float, bf16) {
  const Rows rows{6, 2};
  const std::uint32_t width = 24;
  const std::vector<std::uint32_t> row{4, 0, 3, 0};  // the last one is padding
  const DeviceArray<std::uint32_t> row_card(row), used(std::vector<std::uint32_t>{3});
  const Both<TestType> h(29, rows.count() * width), d(30, row.size() * width);
  DeviceArray<TestType> out(2 * row.size() * width), back(rows.tokens * width);
  gather_rows<TestType>(nullptr, rows, width, row_card.data(), 4, h.card.data(), out.data());
  scatter_rows<TestType>(nullptr, {6, 1}, width, row_card.data(), 4, used.data(), d.card.data(), back.data());
  std::vector<double> gathered, scattered(rows.tokens * width, 0.0);
  for (std::size_t p = 0; p < 2; ++p)
    for (const std::size_t r : row)
      for (std::size_t i = 0; i < width; ++i) gathered.push_back(h.exact[(p * rows.tokens + r) * width + i]);
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t i = 0; i < width; ++i) scattered[row[k] * width + i] = d.exact[k * width + i];
  CHECK(wide(out.host()) == gathered);
  CHECK(wide(back.host()) == scattered);
}

TEST_CASE("no rows, no launch", "[cuda]") {
  const Rows none{0, 1};
  CHECK_NOTHROW(norm<float>(nullptr, {.kind = Norm::rms, .rows = none, .width = 8, .eps = eps}));
  CHECK_NOTHROW(gather_rows<float>(nullptr, none, 8, nullptr, 0, nullptr, nullptr));
  CHECK_NOTHROW(
      activate<float>(nullptr, {.kind = Activation::relu, .rows = none, .ffn = 8, .keep_pre = false}));
}

TEST_CASE("a row too wide for registers is refused", "[cuda]") {
  CHECK_THROWS_AS(norm<float>(nullptr, {.kind = Norm::rms, .rows = {1, 1}, .width = 16392, .eps = eps}),
                  zofo::Error);
}
