/// @file Attention on the GPU against its definition in double, from the inputs as rounded to the scalar.
/// Tests tagged [.time] print microseconds and run only when asked for.
#include "zofo/tensor/cuda/kernels/attention.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <type_traits>
#include <vector>

#include "../catch.hpp"
#include "attention_cases.hpp"
#include "attention_reference.hpp"
#include "device.hpp"

using namespace zofo::tensor::cuda;
using namespace zofo::tensor::cuda::attention_cases;

namespace {

// Columns `from` … `to` − 1 of every row.
template <class T>
std::vector<double> columns(const std::vector<T>& x, std::size_t width, std::size_t from, std::size_t to) {
  std::vector<double> part;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (i % width >= from && i % width < to) {
      if constexpr (std::is_same_v<T, double>)
        part.push_back(x[i]);
      else
        part.push_back(exact(x[i]));
    }
  return part;
}

std::vector<double> less(const std::vector<float>& x, double start) {
  std::vector<double> y;
  for (const float each : x) y.push_back(exact(each) - start);
  return y;
}

// lse has no entry for padding.
std::vector<float> without_padding(const Batch& b, std::vector<float> lse) {
  for (std::size_t i = 0; i < lse.size(); ++i)
    if (i / b.shape.heads % b.rows().tokens >= b.used()) lse[i] = 0.0F;
  return lse;
}

struct Tolerance {
  double out, gradient;
};
// fp32 arithmetic on fp32. The outputs of bf16 are rounded once, to 2⁻⁹ at most; the general kernel's
// gradients as well, while the tensor cores' gradients are made of probabilities and score gradients in bf16.
constexpr Tolerance single{1e-5, 1e-5}, rounded{4e-3, 4e-3}, tensor_cores{4e-3, 1e-2};
// Where a query sees two keys, a score's gradient is a small difference of products, one of which is made of
// outputs that were rounded.
constexpr Tolerance few_keys{4e-3, 1e-2};

template <class T>
void check(const Batch& b, const Tolerance& tolerance, float amplitude = 2.0F) {
  const Values<T> in = inputs<T>(b, amplitude);
  const Reference wanted(b, in);
  Gpu<T> gpu(b, in);
  gpu.forward();
  gpu.backward();
  const Values<T> got = gpu.results();
  INFO("dim " << b.shape.dim << ", " << b.shape.heads << '/' << b.shape.kv_heads << " heads, longest "
              << b.longest() << ", " << b.probes << " probes, prefix " << b.prefix << ", window "
              << b.shape.window);
  CHECK(relative_error(got.out, wanted.out) < tolerance.out);
  CHECK(relative_error(without_padding(b, got.lse), wanted.lse) < 1e-5);
  const std::size_t width = b.qkv_width(), keys = b.out_width(), values = keys + b.kv_width();
  const auto part_error = [&](std::size_t from, std::size_t to) {
    return relative_error(columns(got.d_qkv, width, from, to), columns(wanted.d_qkv, width, from, to));
  };
  // A single token's query and key have no gradient; rounding leaves a little.
  if (b.longest() > 1) {
    CHECK(part_error(0, keys) < tolerance.gradient);
    CHECK(part_error(keys, values) < tolerance.gradient);
  }
  CHECK(part_error(values, width) < tolerance.gradient);
  if (b.prefix > 0) {
    CHECK(relative_error(less(got.d_prefix_keys, 1.0), wanted.d_prefix_keys) < tolerance.gradient);
    CHECK(relative_error(less(got.d_prefix_values, 2.0), wanted.d_prefix_values) < tolerance.gradient);
  }
  for (std::size_t r = 0; r < b.rows().count(); ++r)
    if (r % b.rows().tokens >= b.used())
      for (std::size_t c = 0; c < width; ++c)
        if (exact(got.d_qkv[r * width + c]) != 0.0) FAIL("padding row " << r << " has a gradient");
}

}  // namespace

TEST_CASE("attention of short sequences equals its definition", "[cuda][attention]") {
  for (const std::uint32_t dim : {64U, 80U, 128U}) {
    check<bf16>({.shape = {6, 2, dim}, .lengths = brief}, tensor_cores);
    check<bf16>({.shape = {3, 3, dim}, .lengths = brief, .padding = 0, .probes = 2}, tensor_cores);
    check<bf16>({.shape = {4, 1, dim}, .lengths = {32, 5, 8}, .padding = 70, .empty = 0}, tensor_cores);
    check<bf16>({.shape = {2, 1, dim}, .lengths = {1, 1, 1}}, tensor_cores);
  }
}

TEST_CASE("attention of longer sequences equals its definition", "[cuda][attention]") {
  for (const std::uint32_t dim : {64U, 80U, 128U}) {
    check<bf16>({.shape = {6, 2, dim}, .lengths = mixed}, tensor_cores);
    check<bf16>({.shape = {2, 2, dim}, .lengths = edges, .padding = 0, .probes = 2}, tensor_cores);
    check<bf16>({.shape = {4, 1, dim}, .lengths = {65}, .padding = 70, .empty = 0}, tensor_cores);
  }
  check<bf16>({.shape = {2, 1, 64}, .lengths = {1100, 3}}, tensor_cores);
}

TEST_CASE("attention sees a prefix", "[cuda][attention]") {
  for (const std::uint32_t dim : {64U, 80U, 128U}) {
    check<bf16>(with_prefix({.shape = {4, 2, dim}, .lengths = {30, 1, 17, 44, 20}}, 5), tensor_cores);
    check<bf16>(with_prefix({.shape = {4, 2, dim}, .lengths = {30, 1, 17, 48, 20}, .probes = 2}, 16),
                tensor_cores);
    check<bf16>(with_prefix({.shape = {4, 2, dim}, .lengths = mixed, .padding = 0}, 7), tensor_cores);
    check<bf16>(with_prefix({.shape = {2, 1, dim}, .lengths = edges, .probes = 2}, 70), tensor_cores);
  }
}

TEST_CASE("attention sees a window", "[cuda][attention]") {
  for (const std::uint32_t window : {2U, 31U, 64U, 65U, 100U, 4000U}) {
    for (const std::uint32_t dim : {64U, 80U, 128U}) {
      check<bf16>({.shape = {6, 2, dim, window}, .lengths = mixed}, tensor_cores);
      check<bf16>({.shape = {4, 1, dim, window}, .lengths = brief, .probes = 2}, tensor_cores);
      check<bf16>(with_prefix({.shape = {4, 2, dim, window}, .lengths = {30, 1, 17, 44, 20}}, 5),
                  tensor_cores);
      check<bf16>(with_prefix({.shape = {2, 1, dim, window}, .lengths = edges, .probes = 2}, 70),
                  tensor_cores);
    }
    check<float>({.shape = {6, 2, 40, window}, .lengths = mixed}, single);
    check<float>(with_prefix({.shape = {4, 2, 64, window}, .lengths = mixed, .probes = 2}, 33), single);
    check<bf16>(with_prefix({.shape = {4, 2, 96, window}, .lengths = mixed}, 5),
                window == 2 ? few_keys : rounded);
  }
  check<float>({.shape = {4, 2, 64, 3}, .lengths = {1100, 3}}, single);
  check<bf16>({.shape = {2, 1, 64, 300}, .lengths = {1100, 3}}, tensor_cores);
}

TEST_CASE("attention scales and caps scores", "[cuda][attention]") {
  for (const std::uint32_t window : {0U, 31U}) {
    // Without a cap, a scale of its own; with one, the general kernels.
    check<bf16>({.shape = {4, 2, 64, window, 0.2F}, .lengths = mixed}, tensor_cores);
    for (const std::uint32_t dim : {64U, 128U, 256U}) {
      check<float>({.shape = {4, 2, dim, window, 0.1F, 3.0F}, .lengths = brief, .probes = 2}, single);
      check<float>(with_prefix({.shape = {4, 2, dim, window, 0.1F, 3.0F}, .lengths = {30, 1, 17, 44, 20}}, 5),
                   single);
      check<bf16>({.shape = {4, 1, dim, window, 0.1F, 3.0F}, .lengths = brief}, rounded);
    }
  }
}

TEST_CASE("attention of other scalars and dims equals its definition", "[cuda][attention]") {
  for (const std::uint32_t dim : {8U, 40U, 64U, 128U, 256U}) {
    check<float>({.shape = {6, 2, dim}, .lengths = mixed}, single);
    check<float>({.shape = {3, 3, dim}, .lengths = brief, .padding = 0, .probes = 2}, single);
    check<float>(with_prefix({.shape = {4, 2, dim}, .lengths = {30, 1, 17, 44, 40}, .probes = 2}, 33),
                 single);
  }
  for (const std::uint32_t dim : {16U, 72U, 96U, 256U}) {
    check<bf16>({.shape = {4, 2, dim}, .lengths = mixed}, rounded);
    check<bf16>(with_prefix({.shape = {4, 2, dim}, .lengths = {30, 1, 17, 44, 40}}, 5), rounded);
  }
}

TEST_CASE("attention on the GPU bears scores of hundreds", "[cuda][attention]") {
  // Errors of a score are relative to its size: 2⁻²⁴·300 in the exponent.
  check<float>({.shape = {4, 2, 64}, .lengths = mixed}, {1e-4, 1e-4}, 20.0F);
  check<bf16>({.shape = {4, 2, 64}, .lengths = mixed}, {1e-2, 3e-2}, 20.0F);
  check<bf16>({.shape = {4, 2, 128}, .lengths = brief}, {1e-2, 3e-2}, 20.0F);
}

TEST_CASE("attention without lse, and of nothing", "[cuda][attention]") {
  const Batch none{.shape = {2, 1, 64}, .lengths = {}, .padding = 5, .empty = 2};
  const auto in = inputs<bf16>(none, 1.0F);
  Gpu<bf16> gpu(none, in);
  gpu.forward();
  gpu.backward();
  for (const bf16 x : gpu.results().d_qkv) REQUIRE(exact(x) == 0.0);

  const Batch b{.shape = {2, 1, 64}, .lengths = {70, 2}, .padding = 0, .empty = 0};
  const auto values = inputs<bf16>(b, 1.0F);
  const DeviceArray<bf16> qkv(values.qkv);
  DeviceArray<bf16> out(b.rows().count() * b.out_width());
  const DeviceArray<std::uint32_t> cu(b.cu_seqlens());
  PackedTokens packed;
  packed.cu_seqlens = cu.data();
  packed.sequences = 2;
  packed.longest = 70;
  attention(nullptr, b.shape, b.rows(), packed, AttentionPrefix<bf16>{}, qkv.data(), out.data(), nullptr);
  CHECK(relative_error(out.host(), Reference(b, values).out) < 4e-3);
}

TEST_CASE("attention_backward gives the same bits twice", "[cuda][attention]") {
  const Batch b = with_prefix({.shape = {6, 2, 64}, .lengths = mixed, .probes = 2}, 9);
  const auto in = inputs<bf16>(b, 2.0F);
  Gpu<bf16> first(b, in), second(b, in);
  for (Gpu<bf16>* gpu : {&first, &second}) {
    gpu->forward();
    gpu->backward();
  }
  const auto x = first.results(), y = second.results();
  CHECK(to_float(x.d_qkv) == to_float(y.d_qkv));
  CHECK(x.d_prefix_keys == y.d_prefix_keys);
  CHECK(x.d_prefix_values == y.d_prefix_values);
}

TEST_CASE("microseconds of attention", "[.time]") {
  struct Named {
    const char* name;
    Batch batch;
  };
  const auto repeated = [](std::uint32_t n, std::uint32_t length) {
    return std::vector<std::uint32_t>(n, length);
  };
  const std::vector<Named> cases{
      {"SmolLM2-135M 8x64", {.shape = {9, 3, 64}, .lengths = repeated(8, 64), .padding = 0}},
      {"SmolLM2-135M 8x64 x3 x2",
       {.shape = {9, 3, 64}, .lengths = repeated(24, 64), .padding = 0, .probes = 2}},
      {"SmolLM2-135M 4x128", {.shape = {9, 3, 64}, .lengths = repeated(4, 128), .padding = 0}},
      {"OPT-1.3B 16x128", {.shape = {32, 32, 64}, .lengths = repeated(16, 128), .padding = 0}},
      {"OPT-1.3B 16x128 x3 x2",
       {.shape = {32, 32, 64}, .lengths = repeated(48, 128), .padding = 0, .probes = 2}},
      {"OPT-2.7B 16x128", {.shape = {32, 32, 80}, .lengths = repeated(16, 128), .padding = 0}},
      {"Llama-2-7B 8x128", {.shape = {32, 32, 128}, .lengths = repeated(8, 128), .padding = 0}},
      {"Llama-2-7B 1x2048", {.shape = {32, 32, 128}, .lengths = repeated(1, 2048), .padding = 0}}};
  const auto microseconds = [](const std::function<void()>& call) {
    cudaEvent_t begin{}, end{};
    must(cudaEventCreate(&begin));
    must(cudaEventCreate(&end));
    constexpr int times = 100;
    for (int i = 0; i < 10; ++i) call();
    must(cudaEventRecord(begin, nullptr));
    for (int i = 0; i < times; ++i) call();
    must(cudaEventRecord(end, nullptr));
    must(cudaEventSynchronize(end));
    float milliseconds = 0.0F;
    must(cudaEventElapsedTime(&milliseconds, begin, end));
    must(cudaEventDestroy(begin));
    must(cudaEventDestroy(end));
    return static_cast<double>(milliseconds) * 1000.0 / times;
  };
  for (const auto& [name, batch] : cases) {
    Gpu<bf16> gpu(batch, inputs<bf16>(batch, 1.0F));
    const double forward = microseconds([&] { gpu.forward(); });
    const double backward = microseconds([&] { gpu.backward(); });
    std::printf("%-26s forward %8.2f us, backward %8.2f us\n", name, forward, backward);
  }
}
