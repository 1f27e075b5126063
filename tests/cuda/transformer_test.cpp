/// @file The transformer on the GPU: fp32 against the golden values of independent NumPy models and against
/// the CPU, at θ, at probes and in its gradients; graphs, counters, θ's bits.
#include "zofo/model/transformer.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "../model/golden.hpp"
#include "catch.hpp"
#include "device.hpp"
#include "on_gpu.hpp"
#include "zofo/model/cuda/backend.hpp"

using namespace zofo;
using namespace zofo::model;
using tensor::cuda::bf16;
using tensor::cuda::Context;
using tensor::cuda::Vector;

namespace {

/// Shapes that the CUDA backend takes: widths in eights.
bool fits(const Config& c) {
  return c.width % 8 == 0 && c.head_dim % 8 == 0 && c.ffn % 8 == 0 && c.embedding_width % 8 == 0;
}

/// A model of LLaMA's or OPT's type in a shape that every kernel path takes, with two adapters and ragged
/// sequences.
golden::Case made(Architecture architecture, std::uint32_t head_dim) {
  const golden::Case from = golden::one("two adapters");
  golden::Case c = from.with_shape([&](Config& shape) {
    if (architecture == Architecture::opt) shape = opt_parts();
    shape.vocab = 211;
    shape.heads = 4;
    shape.kv_heads = architecture == Architecture::opt ? 4 : 2;
    shape.head_dim = head_dim;
    shape.width = 4 * head_dim;
    shape.ffn = 3 * head_dim;
    shape.layers = 2;
    shape.context = 128;
    shape.rope_base = 10000.0F;
    shape.tied = true;
  });
  return c;
}

}  // namespace

TEST_CASE("log-probabilities on the GPU equal the NumPy references", "[cuda]") {
  std::size_t taken = 0;
  for (const golden::Case& c : golden::all()) {
    if (!fits(c.shape)) continue;
    ++taken;
    INFO(c.name);
    OnGpu<float> gpu(c);
    for (int again = 0; again < 3; ++again)  // at once, recorded, replayed
      CHECK(golden::largest_difference(gpu.transformer.log_probabilities(gpu.theta, c.batch, gpu.adapters),
                                       c.log_probabilities) < std::max(2e-5, 8 * c.float32));
  }
  CHECK(taken >= 20);
}

TEST_CASE("adapters' gradients on the GPU equal central differences of the NumPy references", "[cuda]") {
  std::size_t taken = 0;
  for (const golden::Case& c : golden::all()) {
    if (!fits(c.shape) || c.gradients.empty()) continue;
    ++taken;
    INFO(c.name);
    for (const bool recompute : {false, true}) {
      OnGpu<float> gpu(c, recompute);
      std::vector<Vector> gradients;
      std::vector<Vector*> pointers;
      for (const auto& v : gpu.values) gradients.push_back(zeros_like(v));
      for (auto& g : gradients) pointers.push_back(&g);
      for (int again = 0; again < 3; ++again) {
        const double value = gpu.transformer.value_and_gradient(gpu.theta, c.batch, gpu.adapters,
                                                                golden::curved_loss, pointers);
        CHECK(value == Approx(c.loss).epsilon(2e-6));
        for (std::size_t a = 0; a < gradients.size(); ++a) {
          const Eigen::VectorXf got = gradients[a].host();
          double high = 0.0, worst = 0.0;
          for (std::size_t i = 0; i < c.gradients[a].size(); ++i) {
            high = std::max(high, std::abs(c.gradients[a][i]));
            worst = std::max(
                worst, std::abs(static_cast<double>(got[static_cast<Eigen::Index>(i)]) - c.gradients[a][i]));
          }
          INFO("adapter " << a << ", recompute " << recompute << ", time " << again);
          CHECK(worst < 2e-5 * std::max(high, 1.0));
        }
      }
    }
  }
  CHECK(taken >= 2);
}

namespace {

std::vector<Probe> probes() {
  const Direction a{11, 3, 0}, b{11, 3, 1};
  return {{a, 1e-2}, {a, -1e-2}, {b, 2e-2}, {b, -2e-2}, {a, 0.0}, {a, 5e-3}};
}

// Low-rank ones are written out for these alone.
std::vector<Probe> probes_of_one_direction() {
  const Direction a{11, 3, 0};
  return {{a, 1e-2}, {a, -1e-2}};
}

template <class Distribution>
void compare_probes(const golden::Case& c, const Distribution& distribution, const std::vector<Probe>& list) {
  INFO(c.name);
  OnGpu<float> gpu(c);
  Transformer cpu(c.shape, c.lora);
  const auto expected = cpu.log_probabilities(c.theta, distribution, list, c.batch, c.adapters());
  const Parameters before = gpu.theta.download();
  for (int again = 0; again < 3; ++again) {
    const auto got = gpu.transformer.log_probabilities(gpu.theta, distribution, list, c.batch, gpu.adapters);
    REQUIRE(got.size() == list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      INFO("probe " << i << ", time " << again);
      // Normals differ by 1e-6, sums by their order: as far as fp32 continues values of about 5.
      CHECK(golden::largest_difference(got[i], expected[i]) < 1e-4);
    }
  }
  const Parameters after = gpu.theta.download();
  CHECK(std::memcmp(before.values().data(), after.values().data(), before.values().size_bytes()) == 0);
}

}  // namespace

TEST_CASE("probes on the GPU equal the CPU's, for every law that the GPU makes", "[cuda]") {
  for (const golden::Case& c : golden::all()) {
    if (!fits(c.shape)) continue;
    for (const auto& list : {probes(), probes_of_one_direction()}) {
      compare_probes(c, Gaussian{}, list);
      compare_probes(c, Rademacher{}, list);
      compare_probes(c, LowRank{1, 1}, list);
      compare_probes(c, LowRank{3, 2}, list);
    }
  }
}

TEST_CASE("an update along a direction changes the GPU's weights like the CPU's", "[cuda]") {
  const golden::Case c = made(Architecture::opt, 16);
  OnGpu<float> gpu(c);
  Parameters cpu = c.theta.clone();
  const auto both = [&](const auto& distribution, Direction direction) {
    distribution.add(cpu, direction, 0.01);
    distribution.add(gpu.theta, direction, 0.01);
  };
  both(Gaussian{}, {5, 1, 0});
  both(Rademacher{}, {5, 2, 0});
  both(LowRank{2, 1}, {5, 3, 0});
  const Parameters moved = gpu.theta.download();
  for (std::size_t i = 0; i < cpu.values().size(); ++i)
    REQUIRE(moved.values()[i] == Approx(cpu.values()[i]).margin(2e-7));
}

TEST_CASE("a weight that is not finite on the GPU is refused by its tensor's name", "[cuda]") {
  const golden::Case c = made(Architecture::opt, 16);
  Context context;
  for (const float wrong :
       {std::numeric_limits<float>::quiet_NaN(), 3.4e38F}) {  // the second is infinite in bf16
    Parameters theta = c.theta.clone();
    theta.data(theta.layout().tensor(1, Role::up))[5] = wrong;
    try {
      const CudaParameters<bf16> refused(context, theta);
      FAIL("taken");
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("blk.1.ffn_up") != std::string::npos);
    }
  }
}

TEST_CASE("a thousand outer steps at rate 0 leave every bit of the weights", "[cuda]") {
  const golden::Case c = made(Architecture::opt, 16);
  OnGpu<bf16> gpu(c);
  const Parameters before = gpu.theta.download();
  for (std::uint32_t k = 0; k < 1000; ++k) {
    const Direction d{3, k, 0};
    const std::vector<Probe> pair{{d, 1e-3}, {d, -1e-3}};
    gpu.transformer.log_probabilities(gpu.theta, Gaussian{}, pair, c.batch, gpu.adapters);
    Gaussian{}.add(gpu.theta, d, 0.0);
  }
  const Parameters after = gpu.theta.download();
  CHECK(std::memcmp(before.values().data(), after.values().data(), before.values().size_bytes()) == 0);
}

TEST_CASE("a steady step allocates nothing and waits once", "[cuda]") {
  const golden::Case c = made(Architecture::opt, 16);
  OnGpu<bf16> gpu(c);
  const auto step = [&](std::uint32_t k) {
    const Direction d{3, k, 0};
    const std::vector<Probe> pair{{d, 1e-3}, {d, -1e-3}};
    gpu.transformer.log_probabilities(gpu.theta, Gaussian{}, pair, c.batch, gpu.adapters);
    Gaussian{}.add(gpu.theta, d, 1e-6);
  };
  for (std::uint32_t k = 0; k < 3; ++k) step(k);
  const auto before = gpu.context.counters();
  for (std::uint32_t k = 3; k < 13; ++k) step(k);
  const auto after = gpu.context.counters();
  CHECK(after.allocations == before.allocations);
  CHECK(after.synchronisations == before.synchronisations + 10);
  CHECK(after.graph_launches == before.graph_launches + 10);
}

namespace {

void compare_gradients(const golden::Case& c, bool recompute) {
  OnGpu<float> gpu(c, recompute);
  Transformer cpu(c.shape, c.lora);
  std::vector<Eigen::VectorXf> expected(c.values.size());
  std::vector<Eigen::VectorXf*> expected_pointers;
  std::vector<Vector> got;
  std::vector<Vector*> got_pointers;
  for (const auto& v : gpu.values) got.push_back(zeros_like(v));
  for (auto& g : got) got_pointers.push_back(&g);
  for (auto& e : expected) expected_pointers.push_back(&e);
  const double on_cpu =
      cpu.value_and_gradient(c.theta, c.batch, c.adapters(), golden::curved_loss, expected_pointers);
  const double on_gpu =
      gpu.transformer.value_and_gradient(gpu.theta, c.batch, gpu.adapters, golden::curved_loss, got_pointers);
  CHECK(on_gpu == Approx(on_cpu).epsilon(1e-5));
  for (std::size_t a = 0; a < got.size(); ++a)
    CHECK((got[a].host() - expected[a]).norm() < 2e-5F * expected[a].norm());
}

}  // namespace

TEST_CASE("head dimensions of the models, in fp32 against the CPU", "[cuda]") {
  for (const Architecture architecture : {Architecture::llama, Architecture::opt})
    for (const std::uint32_t head_dim : {64U, 80U, 96U, 128U}) {
      INFO("head_dim " << head_dim << ", architecture " << static_cast<int>(architecture));
      compare_gradients(made(architecture, head_dim), false);
    }
}

TEST_CASE("gradients of every family on the GPU equal the CPU's, saved or recomputed", "[cuda]") {
  std::size_t taken = 0;
  for (const golden::Case& c : golden::all()) {
    if (!fits(c.shape) || c.values.empty()) continue;
    ++taken;
    INFO(c.name);
    for (const bool recompute : {false, true}) compare_gradients(c, recompute);
  }
  CHECK(taken >= 10);
}

TEST_CASE("bf16 follows fp32 as closely as its rounding lets it", "[cuda]") {
  for (const Architecture architecture : {Architecture::llama, Architecture::opt}) {
    const golden::Case c = made(architecture, 64);
    OnGpu<float> exact(c);
    // The same weights, rounded: what is left is the rounding of activations.
    OnGpu<bf16> rounded(c);
    exact.theta.upload(rounded.theta.download());
    const auto a = exact.transformer.log_probabilities(exact.theta, c.batch, exact.adapters);
    const auto b = rounded.transformer.log_probabilities(rounded.theta, c.batch, rounded.adapters);
    double difference = 0.0, size = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += (a[i] - b[i]) * (a[i] - b[i]);
      size += a[i] * a[i];
    }
    // Two layers of about ten roundings of 2^-9 each, on logits a few times the log-probabilities' size.
    CHECK(std::sqrt(difference / size) < 0.05);
  }
}
