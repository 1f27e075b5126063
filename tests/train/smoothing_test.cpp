#include "zofo/train/smoothing.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"

using namespace zofo::llm;

namespace {

// The nearest bf16 number, from the bits of the float: an implementation of its own.
float as_bf16(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  bits = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) & 0xFFFF0000U;
  std::memcpy(&x, &bits, sizeof bits);
  return x;
}

// The share of w's entries that w ± ε leaves as they are in bf16.
double unchanged(const std::vector<float>& w, double epsilon) {
  double same = 0.0;
  for (const float each : w)
    same += as_bf16(each + static_cast<float>(epsilon)) == each &&
            as_bf16(each - static_cast<float>(epsilon)) == each;
  return same / static_cast<double>(w.size());
}

// Numbers of bf16 between -0.1 and 0.1.
std::vector<float> weights() {
  std::vector<float> w;
  for (int i = -500; i < 500; ++i) w.push_back(as_bf16(0.0002F * (static_cast<float>(i) + 0.5F)));
  return w;
}

}  // namespace

TEST_CASE("the machine epsilon is the distance from 1 to the next number", "[train]") {
  const float above = as_bf16(1.0F + 1.01F * 0.00390625F);  // just above the middle
  CHECK(machine_epsilon(Precision::bf16) == static_cast<double>(above) - 1.0);
  CHECK(machine_epsilon(Precision::fp32) == static_cast<double>(std::nextafter(1.0F, 2.0F)) - 1.0);
  CHECK_THROWS_AS(machine_epsilon(Precision::automatic), zofo::Error);
}

TEST_CASE("the root mean square of values", "[train]") {
  CHECK(root_mean_square({}) == 0.0);
  CHECK(root_mean_square(std::vector<float>{3.0F, -4.0F}) == Approx(std::sqrt(12.5)));
  CHECK(root_mean_square(std::vector<float>((std::size_t{1} << 24U) + 5, 0.5F)) == Approx(0.5));
}

TEST_CASE("below the resolution rounding removes perturbations, at ten times it does not", "[train]") {
  const std::vector<float> w = weights();
  const double resolution = smoothing_resolution(Precision::bf16, root_mean_square(w));
  CHECK(resolution == Approx(0.1 / std::sqrt(3.0) / 128.0).epsilon(0.01));
  CHECK(unchanged(w, resolution / 8.0) > 0.6);
  CHECK(unchanged(w, 10.0 * resolution) == 0.0);
}

TEST_CASE("a small radius gives a warning with one that works", "[train]") {
  const std::vector<float> w = weights();
  const double resolution = smoothing_resolution(Precision::bf16, root_mean_square(w));
  RunOptions o = preset(Method::mezo);
  o.zo_eps = resolution * 0.99;
  const std::string warning = smoothing_warning(o, Precision::bf16, w);
  CHECK_THAT(warning, contains("zo_eps = 0.000447: below 0.00045, the resolution of the weights in bf16"));
  CHECK_THAT(warning, contains("--zo-eps 0.005 works"));
  CHECK(warning.find('\n') == std::string::npos);
  o.zo_eps = resolution * 1.01;
  CHECK(smoothing_warning(o, Precision::bf16, w).empty());
  CHECK(smoothing_warning(preset(Method::mezo), Precision::bf16, w).empty());
  CHECK(smoothing_warning(o, Precision::fp32, w).empty());
  o.zo_eps = 1e-12;
  CHECK_FALSE(smoothing_warning(o, Precision::fp32, w).empty());
  const std::vector<float> none(10, 0.0F);
  CHECK(smoothing_warning(o, Precision::fp32, none).empty());  // any perturbation of 0 survives
  const std::vector<float> huge(10, 1e30F);
  CHECK_THAT(smoothing_warning(o, Precision::bf16, huge), contains("--zo-eps 1 works"));
}

TEST_CASE("a run is warned of what its estimates perturb", "[train]") {
  const std::vector<float> w(100, 0.1F);
  const Eigen::VectorXf adapter = Eigen::VectorXf::Constant(100, 1e-3F), empty;
  RunOptions o = preset(Method::mezo_lora);
  o.zo_eps = 1e-11;
  CHECK_THAT(smoothing_warning(o, Precision::bf16, w, adapter), contains("in fp32"));
  o.zo_eps = 1e-9;
  CHECK(smoothing_warning(o, Precision::bf16, w, adapter).empty());
  o.method = Method::bilevel;
  CHECK_THAT(smoothing_warning(o, Precision::bf16, w, empty), contains("in bf16"));
  o.method = Method::lora;
  CHECK(smoothing_warning(o, Precision::bf16, w, adapter).empty());
}
