/// @file Decoding on the GPU against its definition in double, from the inputs as rounded to the scalar; how
/// keys and values get into the cache; the choice of a token. Tests tagged [.time] print microseconds and run
/// only when asked for.
#include "zofo/tensor/cuda/kernels/decode.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <type_traits>

#include "catch.hpp"
#include "device.hpp"
#include "zofo/core/error_type.hpp"

using namespace zofo;
using namespace zofo::tensor::cuda;

namespace {

double exact(float x) { return static_cast<double>(x); }
double exact(bf16 x) { return static_cast<double>(__bfloat162float(x)); }

template <class T>
std::vector<T> scalars(const std::vector<float>& x) {
  if constexpr (std::is_same_v<T, bf16>)
    return to_bf16(x);
  else
    return x;
}

// Rows of a step: their last positions and slots; −1 is padding.
struct Step {
  AttentionShape shape;
  std::vector<std::uint32_t> last;
  std::vector<std::int32_t> slot;
  std::size_t slots = 8, positions = 0;  // 0: as many as the longest row needs, and three
  std::uint32_t splits = 1;

  [[nodiscard]] std::uint32_t rows() const { return static_cast<std::uint32_t>(last.size()); }
  [[nodiscard]] std::size_t room() const {
    return positions > 0 ? positions : *std::max_element(last.begin(), last.end()) + std::size_t{4};
  }
  [[nodiscard]] std::size_t qkv_width() const {
    return std::size_t{shape.heads + 2 * shape.kv_heads} * shape.dim;
  }
  [[nodiscard]] std::size_t out_width() const { return std::size_t{shape.heads} * shape.dim; }
  [[nodiscard]] std::size_t half() const { return slots * shape.kv_heads * room() * shape.dim; }
};

// Queries, and a cache whose unused positions are NaN, so that whatever reads them shows.
template <class T>
struct Inputs {
  std::vector<T> qkv, keys, values;

  explicit Inputs(const Step& s, float amplitude)
      : qkv(scalars<T>(random_values(1, s.rows() * s.qkv_width(), amplitude))) {
    std::vector<float> k = random_values(2, s.half(), amplitude), v = random_values(3, s.half(), amplitude);
    const tensor::CacheLayer<float> layer{k.data(), v.data(), s.room(), s.shape.kv_heads, s.shape.dim};
    for (std::size_t slot = 0; slot < s.slots; ++slot) {
      std::size_t used = 0;
      for (std::size_t r = 0; r < s.rows(); ++r)
        if (s.slot[r] == static_cast<std::int32_t>(slot)) used = s.last[r] + std::size_t{1};
      for (std::size_t h = 0; h < s.shape.kv_heads; ++h)
        for (std::size_t i = layer.at(slot, h, used); i < layer.at(slot, h, 0) + s.room() * s.shape.dim; ++i)
          k[i] = v[i] = std::nanf("");
    }
    keys = scalars<T>(k);
    values = scalars<T>(v);
  }
};

// The definition, in double; 0 in padding.
template <class T>
std::vector<double> definition(const Step& s, const Inputs<T>& in) {
  const std::size_t dim = s.shape.dim;
  const tensor::CacheLayer<const T> layer{in.keys.data(), in.values.data(), s.room(), s.shape.kv_heads, dim};
  std::vector<double> out(s.rows() * s.out_width());
  for (std::size_t r = 0; r < s.rows(); ++r) {
    if (s.slot[r] < 0) continue;
    const std::size_t n = s.last[r] + std::size_t{1};
    const std::size_t first = s.shape.window == 0 || n < s.shape.window ? 0 : n - s.shape.window;
    for (std::size_t h = 0; h < s.shape.heads; ++h) {
      const std::size_t at =
          layer.at(static_cast<std::size_t>(s.slot[r]), h / (s.shape.heads / s.shape.kv_heads), 0);
      std::vector<double> p(n);
      double highest = -HUGE_VAL, sum = 0.0;
      for (std::size_t j = first; j < n; ++j) {
        for (std::size_t d = 0; d < dim; ++d)
          p[j] += exact(in.qkv[r * s.qkv_width() + h * dim + d]) * exact(in.keys[at + j * dim + d]);
        const auto scale = static_cast<double>(s.shape.scale), cap = static_cast<double>(s.shape.cap);
        p[j] *= scale > 0.0 ? scale : 1.0 / std::sqrt(static_cast<double>(dim));
        if (cap > 0.0) p[j] = cap * std::tanh(p[j] / cap);
        highest = std::max(highest, p[j]);
      }
      for (std::size_t j = first; j < n; ++j) sum += p[j] = std::exp(p[j] - highest);
      for (std::size_t j = first; j < n; ++j)
        for (std::size_t d = 0; d < dim; ++d)
          out[r * s.out_width() + h * dim + d] += p[j] / sum * exact(in.values[at + j * dim + d]);
    }
  }
  return out;
}

template <class T>
struct Gpu {
  Gpu(const Step& s, const Inputs<T>& in)
      : step(s),
        slot(s.slot),
        last(s.last),
        qkv(in.qkv),
        keys(in.keys),
        values(in.values),
        out(s.rows() * s.out_width()),
        workspace(decode_workspace(s.shape, s.rows(), s.splits)) {}
  void run() {
    decode_attention<T>(nullptr, step.shape, {slot.data(), last.data(), step.rows()}, step.splits, qkv.data(),
                        {keys.data(), values.data(), step.room(), step.shape.kv_heads, step.shape.dim},
                        out.data(), workspace.data());
  }
  Step step;
  DeviceArray<std::int32_t> slot;
  DeviceArray<std::uint32_t> last;
  DeviceArray<T> qkv, keys, values, out;
  DeviceArray<float> workspace;
};

// Outputs of bf16 are rounded once, to 2⁻⁹ at most; all else is fp32 arithmetic on the inputs.
template <class T>
void check(Step s, float amplitude = 2.0F) {
  const Inputs<T> in(s, amplitude);
  const std::vector<double> wanted = definition(s, in);
  for (const std::uint32_t splits : {1U, 3U, 16U}) {
    s.splits = splits;
    Gpu<T> gpu(s, in);
    gpu.run();
    const std::vector<T> got = gpu.out.host();
    INFO("dim " << s.shape.dim << ", " << s.shape.heads << '/' << s.shape.kv_heads << " heads, window "
                << s.shape.window << ", " << splits << " splits");
    CHECK(relative_error(got, wanted) < (std::is_same_v<T, bf16> ? 4e-3 : 1e-5));
    for (std::size_t r = 0; r < s.rows(); ++r)
      for (std::size_t c = 0; c < s.out_width() && s.slot[r] < 0; ++c)
        if (exact(got[r * s.out_width() + c]) != 0.0) FAIL("padding row " << r << " is not 0");
    gpu.run();
    CHECK(relative_error(gpu.out.host(), got) == 0.0);  // the same bits again
  }
}

// Lengths around the edges of tiles, slots in no order, padding among the rows.
const std::vector<std::uint32_t> edges{0, 1, 30, 31, 32, 127, 7, 128};
const std::vector<std::int32_t> shuffled{5, 0, 3, 7, 1, 4, -1, 2};

}  // namespace

TEST_CASE("decoding scales and caps scores", "[cuda][decode]") {
  for (const std::uint32_t window : {0U, 33U})
    for (const std::uint32_t dim : {64U, 256U}) {
      check<float>({.shape = {6, 3, dim, window, 0.2F, 2.0F}, .last = edges, .slot = shuffled});
      check<bf16>({.shape = {6, 3, dim, window, 0.2F, 2.0F}, .last = edges, .slot = shuffled});
    }
}

TEST_CASE("decoding equals its definition for every head dim and sharing of keys", "[cuda][decode]") {
  for (const std::uint32_t dim : {8U, 64U, 80U, 96U, 128U, 256U})
    for (const auto& [heads, kv_heads] : {std::pair{4U, 4U}, std::pair{6U, 3U}, std::pair{9U, 3U},
                                          std::pair{4U, 1U}, std::pair{14U, 2U}, std::pair{24U, 2U}}) {
      check<float>({.shape = {heads, kv_heads, dim}, .last = edges, .slot = shuffled});
      check<bf16>({.shape = {heads, kv_heads, dim}, .last = edges, .slot = shuffled});
    }
}

TEST_CASE("decoding equals its definition for long sequences and sharp scores", "[cuda][decode]") {
  const std::vector<std::uint32_t> last{1999, 3, 640, 511};
  for (const std::uint32_t dim : {64U, 80U, 128U}) {
    check<float>({.shape = {6, 2, dim}, .last = last, .slot = {1, 0, 3, 2}});
    check<bf16>({.shape = {6, 2, dim}, .last = last, .slot = {1, 0, 3, 2}});
    check<float>({.shape = {2, 2, dim}, .last = last, .slot = {1, 0, 3, 2}}, 8.0F);
  }
}

TEST_CASE("a query sees its window when decoding", "[cuda][decode]") {
  for (const std::uint32_t window : {1U, 2U, 31U, 32U, 33U, 100U, 128U, 129U, 1000U}) {
    check<float>({.shape = {4, 2, 64, window}, .last = edges, .slot = shuffled});
    check<bf16>({.shape = {4, 2, 80, window}, .last = edges, .slot = shuffled});
  }
}

TEST_CASE("keys are split as far as they go and the GPU has room", "[no-gpu][decode]") {
  const AttentionShape shape{9, 3, 64}, window{9, 3, 64, 256};
  CHECK(decode_splits(shape, 1, 1) == 1);
  CHECK(decode_splits(shape, 1, 128) == 1);
  CHECK(decode_splits(shape, 1, 1536) == 12);
  CHECK(decode_splits(window, 1, 1536) == 2);
  CHECK(decode_splits(shape, 1, 1U << 20U) == 64);
  CHECK(decode_splits(shape, 64, 1536) == 3);
  CHECK(decode_splits(shape, 512, 1536) == 1);
  CHECK(decode_workspace(shape, 8, 1) == 0);
  CHECK(decode_workspace(shape, 8, 4) == 8 * 9 * 4 * 66);
}

TEST_CASE("decoding refuses heads that no kernel takes", "[no-gpu][decode]") {
  const auto run = [](AttentionShape shape) {
    decode_attention<float>(nullptr, shape, {nullptr, nullptr, 1}, 1, nullptr, {}, nullptr, nullptr);
  };
  CHECK_THROWS_AS(run({4, 4, 12}), zofo::Error);
  CHECK_THROWS_AS(run({4, 4, 264}), zofo::Error);
  CHECK_THROWS_AS(run({4, 3, 64}), zofo::Error);
}

namespace {

// Three sequences of 3, 1 and 2 rows, the first and last with prefixes 1 and 0; a row of padding.
template <class T>
void check_cache_rows() {
  constexpr std::uint32_t dim = 24, kv_heads = 2, heads = 4, length = 5;
  constexpr std::size_t width = kv_heads * dim, stride = length * width + 8, room = 12, slots = 3;
  const AttentionShape shape{heads, kv_heads, dim};
  const std::vector<std::int32_t> slot{2, 2, 2, 0, 1, 1, -1}, prefix_of{1, 1, 1, -1, 0, 0, -1};
  const std::vector<std::uint32_t> position{5, 6, 7, 0, 5, 6, 0};
  const std::size_t row_width = (heads + 2 * kv_heads) * dim;
  const std::vector<T> qkv = scalars<T>(random_values(1, slot.size() * row_width)),
                       prefix = scalars<T>(random_values(2, 2 * 2 * stride));
  DeviceArray<T> qkv_gpu(qkv), prefix_gpu(prefix),
      cache(std::vector<T>(2 * slots * kv_heads * room * dim, scalars<T>({7.0F})[0]));
  DeviceArray<std::int32_t> slot_gpu(slot), prefix_of_gpu(prefix_of);
  DeviceArray<std::uint32_t> position_gpu(position);
  const std::size_t half = cache.size() / 2;
  cache_rows<T>(nullptr, shape, {slot_gpu.data(), position_gpu.data(), 7},
                {prefix_gpu.data(), prefix_gpu.data() + 2 * stride, stride, length}, prefix_of_gpu.data(),
                qkv_gpu.data(), {cache.data(), cache.data() + half, room, kv_heads, dim});

  std::vector<T> wanted(cache.size(), scalars<T>({7.0F})[0]);
  const tensor::CacheLayer<T> to{wanted.data(), wanted.data() + half, room, kv_heads, dim};
  for (std::size_t h = 0; h < kv_heads; ++h)
    for (std::size_t d = 0; d < dim; ++d) {
      const std::size_t column = h * dim + d;
      for (std::size_t r = 0; r + 1 < slot.size(); ++r) {
        const auto s = static_cast<std::size_t>(slot[r]);
        to.keys[to.at(s, h, position[r]) + d] = qkv[r * row_width + heads * dim + column];
        to.values[to.at(s, h, position[r]) + d] = qkv[r * row_width + (heads + kv_heads) * dim + column];
      }
      for (const auto& [s, adapter] : {std::pair<std::size_t, std::size_t>{2, 1}, {1, 0}})
        for (std::size_t j = 0; j < length; ++j) {
          to.keys[to.at(s, h, j) + d] = prefix[adapter * stride + j * width + column];
          to.values[to.at(s, h, j) + d] = prefix[(2 + adapter) * stride + j * width + column];
        }
    }
  CHECK(relative_error(cache.host(), wanted) == 0.0);
}

}  // namespace

TEST_CASE("keys, values and prefixes get into the cache to the bit, and nothing else", "[cuda][decode]") {
  check_cache_rows<float>();
  check_cache_rows<bf16>();
}

TEST_CASE("the best column is the first of the highest; a NaN is told", "[cuda][decode]") {
  constexpr std::uint32_t stride = 1000, columns = 991, rows = 8;
  std::vector<float> logits = random_values(4, stride * rows);
  std::vector<std::int32_t> wanted(rows);
  const auto at = [&](std::size_t row, std::size_t column) -> float& {
    return logits[row * stride + column];
  };
  at(0, 995) = 9.0F;  // beyond the columns
  at(1, 0) = at(1, 990) = 2.0F;
  at(2, 700) = at(2, 300) = at(2, 301) = 2.0F;
  at(3, 257) = std::nanf("");
  std::fill_n(logits.begin() + 4 * stride, columns, -std::numeric_limits<float>::infinity());
  at(5, 990) = std::numeric_limits<float>::infinity();
  at(6, 995) = std::nanf("");  // beyond
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(r * stride);
    wanted[r] = static_cast<std::int32_t>(std::max_element(row, row + columns) - row);
  }
  wanted[3] = -1;
  CHECK(wanted[1] == 0);
  CHECK(wanted[2] == 300);
  CHECK(wanted[4] == 0);
  DeviceArray<float> gpu(logits);
  DeviceArray<std::int32_t> best(rows);
  best_columns(nullptr, gpu.data(), stride, columns, rows, best.data());
  CHECK(best.host() == wanted);
  best_columns(nullptr, gpu.data(), stride, 3, rows, best.data());  // fewer than threads
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(r * stride);
    CHECK(best.host()[r] == std::max_element(row, row + 3) - row);
  }
}

TEST_CASE("time of decoding", "[.time]") {
  for (const auto& [name, shape] : {std::pair{"SmolLM2-135M", AttentionShape{9, 3, 64}},
                                    std::pair{"Mistral-7B", AttentionShape{32, 8, 128}},
                                    std::pair{"OPT-2.7B", AttentionShape{32, 32, 80}}})
    for (const std::uint32_t rows : {1U, 8U, 64U})
      for (const std::uint32_t length : {64U, 512U, 1536U, 8192U}) {
        Step s{
            .shape = shape, .last = std::vector<std::uint32_t>(rows, length - 1), .slot = {}, .slots = rows};
        for (std::uint32_t r = 0; r < rows; ++r) s.slot.push_back(static_cast<std::int32_t>(r));
        s.splits = decode_splits(shape, rows, length);
        Gpu<bf16> gpu(s, Inputs<bf16>(s, 1.0F));
        cudaEvent_t start = nullptr, end = nullptr;
        must(cudaEventCreate(&start));
        must(cudaEventCreate(&end));
        for (int warm = 0; warm < 10; ++warm) gpu.run();
        constexpr int times = 100;
        must(cudaEventRecord(start));
        for (int i = 0; i < times; ++i) gpu.run();
        must(cudaEventRecord(end));
        must(cudaEventSynchronize(end));
        float ms = 0.0F;
        must(cudaEventElapsedTime(&ms, start, end));
        const double us = 1e3 * static_cast<double>(ms) / times;
        const double bytes =
            4.0 * static_cast<double>(rows) * length * shape.kv_heads * shape.dim;  // keys and values
        std::printf("%-13s %2u rows of %4u keys, %2u splits: %7.2f us, %6.0f GB/s\n", name, rows, length,
                    s.splits, us, bytes / us * 1e-3);
        must(cudaEventDestroy(start));
        must(cudaEventDestroy(end));
      }
}
