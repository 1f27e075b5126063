/// @file Embedding and gathered rows against their definition in double.
#include "zofo/tensor/cuda/kernels/rows.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "../catch.hpp"
#include "device.hpp"
#include "rows_cases.hpp"
#include "zofo/core/random.hpp"

using namespace zofo::tensor::cuda;
using namespace zofo::tensor::cuda::rows_cases;

namespace {

template <class T>
void check_embedding(Distribution distribution, std::uint32_t low_rank, bool with_positions,
                     bool in_two = false) {
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
  const DeviceArray<float> factor_gpu(factor);
  const DeviceArray<std::int32_t> token_gpu(token);
  const DeviceArray<std::uint32_t> position_gpu(position);
  const DeviceArray<ProbeArgument> probe_gpu(probes);
  DeviceArray<T> h(rows.count() * width);

  Embedding e{.width = width,
              .table_stream = 5,
              .position_stream = 6,
              .position_offset = 2,
              .distribution = distribution,
              .probes = probe_gpu.data()};
  if (low_rank > 0) {
    const float* const f = factor_gpu.data();
    e.table_noise = {f, f + std::size_t{low_rank} * vocab, factors, low_rank, vocab};
    e.position_noise = {f + table_factors, f + table_factors + std::size_t{low_rank} * places, factors,
                        low_rank, places};
  }
  PackedTokens packed;
  packed.token = token_gpu.data();
  packed.position = position_gpu.data();
  embed<T>(nullptr, e, rows, packed, table.gpu.data(),
           with_positions && !in_two ? positions.gpu.data() : nullptr, h.data());
  if (in_two) {  // the positions alone, added to what is there
    e.add = true;
    packed.token = nullptr;
    embed<T>(nullptr, e, rows, packed, nullptr, positions.gpu.data(), h.data());
  }

  std::vector<double> expected(rows.count() * width, 0.0);
  const auto add_row = [&](std::size_t r, const std::vector<double>& entries, std::uint32_t stream,
                           std::size_t table_rows, std::size_t factor_at, std::size_t row) {
    const ProbeArgument& p = probes[r / rows.tokens];
    std::vector<float> z(width, 0.0F);
    const zofo::Direction direction{p.seed, p.step, p.query};
    if (low_rank == 0 && distribution == Distribution::gaussian)
      zofo::normals(direction, stream, row * width, z.data(), width);
    if (low_rank == 0 && distribution == Distribution::rademacher)
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
    check_embedding<TestType>(Distribution::none, 0, with_positions);
    check_embedding<TestType>(Distribution::gaussian, 0, with_positions);
    check_embedding<TestType>(Distribution::rademacher, 0, with_positions);
    check_embedding<TestType>(Distribution::gaussian, 3, with_positions);
  }
  for (const std::uint32_t low_rank : {0U, 3U})
    check_embedding<TestType>(Distribution::gaussian, low_rank, true, true);
}

TEMPLATE_TEST_CASE("embedding at theta needs no probes", "[cuda]", float, bf16) {
  const Both<TestType> table(1, 4 * 8);
  const DeviceArray<std::int32_t> token(std::vector<std::int32_t>{2});
  DeviceArray<TestType> h(8);
  PackedTokens packed;
  packed.token = token.data();
  embed<TestType>(nullptr, {.width = 8}, {1, 1}, packed, table.gpu.data(), nullptr, h.data());
  CHECK(wide(h.host()) == std::vector<double>(table.exact.begin() + 16, table.exact.begin() + 24));
}

TEMPLATE_TEST_CASE("rows are gathered at every probe and scattered back", "[cuda]", float, bf16) {
  const Rows rows{6, 2};
  const std::uint32_t width = 24;
  const std::vector<std::uint32_t> row{4, 0, 3, 0};  // the last one is padding
  const DeviceArray<std::uint32_t> row_gpu(row), used(std::vector<std::uint32_t>{3});
  const Both<TestType> h(29, rows.count() * width), d(30, row.size() * width);
  DeviceArray<TestType> out(2 * row.size() * width), back(rows.tokens * width);
  gather_rows<TestType>(nullptr, rows, width, row_gpu.data(), 4, h.gpu.data(), out.data());
  scatter_rows<TestType>(nullptr, {6, 1}, width, row_gpu.data(), 4, used.data(), d.gpu.data(), back.data());
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
      activate<float>(nullptr, {.kind = Activation::relu, .rows = none, .ffn = 8, .save_pre = false}));
}
