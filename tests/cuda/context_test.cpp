/// @file The context: what it counts, what it captures and how it fails.
#include "../catch.hpp"
#include "device.hpp"

using namespace zofo::tensor::cuda;

TEST_CASE("a test array starts as NaN and gives back what it was given", "[cuda]") {
  const DeviceArray<float> poison(5);
  for (const float x : poison.host()) CHECK(std::isnan(x));
  const std::vector<float> values = random_values(1, 7, 2.0F);
  CHECK(DeviceArray<float>(values).host() == values);
  CHECK(relative_error(to_float(to_bf16(values)), values) < 0x1p-8);
}
