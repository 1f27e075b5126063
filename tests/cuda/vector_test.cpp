/// @file Vectors on the GPU against double precision.
#include "zofo/tensor/cuda/kernels/vector.hpp"

#include <cmath>
#include <limits>

#include "../catch.hpp"
#include "device.hpp"

using namespace zofo::tensor::cuda;

namespace {

// Below a pack, around one, a block's worth, and enough for every block of a sum; all with ragged ends.
const std::vector<std::size_t> sizes{1, 3, 4, 9, 1027, 70001, 1200005};

}  // namespace

TEST_CASE("axpy and scale act on every entry, at any alignment", "[cuda]") {
  for (const std::size_t n : sizes)
    for (const std::size_t skip : {0U, 1U}) {
      const auto x = random_values(1, n + skip), y = random_values(2, n + skip);
      const DeviceArray<float> x_gpu(x);
      DeviceArray<float> y_gpu(y);
      axpy(nullptr, n, 0.3F, x_gpu.data() + skip, y_gpu.data() + skip);
      scale(nullptr, n, -1.5F, y_gpu.data() + skip);
      std::vector<double> expected(y.begin(), y.end());
      for (std::size_t i = skip; i < n + skip; ++i)
        expected[i] = -1.5 * (double{y[i]} + double{0.3F} * double{x[i]});
      CHECK(relative_error(y_gpu.host(), expected) < 1e-6);
    }
}

TEST_CASE("dot adds in double, in the same order each time", "[cuda]") {
  for (const std::size_t n : sizes)
    for (const std::size_t skip : {0U, 1U}) {
      const auto x = random_values(3, n + skip), y = random_values(4, n + skip);
      const DeviceArray<float> x_gpu(x), y_gpu(y);
      DeviceArray<double> workspace(dot_workspace()), out(2);
      for (std::size_t k = 0; k < 2; ++k)
        dot(nullptr, n, x_gpu.data() + skip, y_gpu.data() + skip, workspace.data(), out.data() + k);
      double expected = 0.0, size = 0.0;
      for (std::size_t i = skip; i < n + skip; ++i) {
        expected += double{x[i]} * double{y[i]};
        size += std::abs(double{x[i]} * double{y[i]});
      }
      const auto result = out.host();
      CHECK(std::abs(result[0] - expected) < 1e-13 * size);
      CHECK(result[0] == result[1]);
    }
}

TEST_CASE("the dot of nothing is 0", "[cuda]") {
  DeviceArray<double> workspace(dot_workspace()), out(1);
  const DeviceArray<float> x(std::vector<float>{1.0F});
  dot(nullptr, 0, x.data(), x.data(), workspace.data(), out.data());
  CHECK(out.host()[0] == 0.0);
}

TEST_CASE("adam equals inner/adam.hpp", "[cuda]") {
  const AdamNumbers a{0.9F, 0.99F, 1e-6F, 0.05F, 3.0F, 0.999F};
  for (const std::size_t n : sizes) {
    const auto g = random_values(5, n), x = random_values(6, n), m = random_values(7, n);
    auto v = random_values(8, n);
    for (float& entry : v) entry *= entry;
    const DeviceArray<float> g_gpu(g);
    DeviceArray<float> x_gpu(x), m_gpu(m), v_gpu(v);
    adam(nullptr, n, a, g_gpu.data(), m_gpu.data(), v_gpu.data(), x_gpu.data());
    std::vector<double> moved(n), first(n), second(n);
    for (std::size_t i = 0; i < n; ++i) {
      first[i] = double{a.beta1} * double{m[i]} + (1.0 - double{a.beta1}) * double{g[i]};
      second[i] = double{a.beta2} * double{v[i]} + (1.0 - double{a.beta2}) * double{g[i]} * double{g[i]};
      moved[i] = double{a.keep} * double{x[i]} -
                 double{a.rate} * first[i] / (std::sqrt(second[i] * double{a.bias2}) + double{a.epsilon});
    }
    CHECK(relative_error(m_gpu.host(), first) < 1e-6);
    CHECK(relative_error(v_gpu.host(), second) < 1e-6);
    CHECK(relative_error(x_gpu.host(), moved) < 1e-5);
  }
}

TEST_CASE("what is not finite is found wherever it lies", "[cuda]") {
  const auto found = [](const std::vector<float>& values, std::size_t skip) {
    const DeviceArray<float> x(values);
    const DeviceArray<bf16> narrow_x(to_bf16(values));
    DeviceArray<std::uint32_t> answer(std::vector<std::uint32_t>{0, 0});
    find_not_finite<float>(nullptr, values.size() - skip, x.data() + skip, answer.data());
    find_not_finite<bf16>(nullptr, values.size() - skip, narrow_x.data() + skip, answer.data() + 1);
    const auto both = answer.host();
    REQUIRE(both[0] == both[1]);
    return both[0];
  };
  for (const std::size_t n : {std::size_t{2}, std::size_t{9}, std::size_t{70001}})
    for (const std::size_t skip : {0U, 1U}) {
      auto values = random_values(9, n, 1e30F);
      CHECK(found(values, skip) == 0);
      for (const std::size_t at : {n - 1, n / 2, skip}) {
        const float before = values[at];
        for (const float bad :
             {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
              std::numeric_limits<float>::quiet_NaN()}) {
          values[at] = bad;
          CHECK(found(values, skip) == 1);
        }
        values[at] = before;
      }
    }
}

TEST_CASE("narrow rounds to nearest even and widen gives back", "[cuda]") {
  for (const std::size_t n : sizes)
    for (const std::size_t skip : {0U, 1U}) {
      auto x = random_values(10, n + skip);
      x[skip] = 1.0F + 0x1p-8F;  // half way between two bf16
      const DeviceArray<float> x_gpu(x);
      DeviceArray<bf16> narrowed(std::vector<bf16>(n + skip, __float2bfloat16(0.0F)));
      DeviceArray<float> widened(n);
      narrow(nullptr, n, x_gpu.data() + skip, narrowed.data() + skip);
      widen(nullptr, n, narrowed.data() + skip, widened.data());
      const auto expected = to_float(to_bf16({x.begin() + static_cast<std::ptrdiff_t>(skip), x.end()}));
      CHECK(widened.host() == expected);
    }
}
