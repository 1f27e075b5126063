/// @file Prompts' rows, dropout, and every kind of adapter in one pass on the GPU, against formulas and the
/// CPU.
#include "zofo/tensor/cuda/kernels/adapters.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "../peft/mixed.hpp"
#include "catch.hpp"
#include "device.hpp"
#include "on_gpu.hpp"
#include "zofo/model/cuda/backend.hpp"
#include "zofo/model/cuda/plan.hpp"
#include "zofo/model/initial_adapter.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/peft/dropout.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"

using namespace zofo;
using namespace zofo::model;
using namespace zofo::tensor::cuda;
using golden::Mixed;

namespace {

/// Four sequences of 3, 5, 2 and 4 rows, of which two have prompts of two rows; one more sequence is empty.
struct Prompted {
  static constexpr std::uint32_t length = 2, width = 40, tokens = 16, probes = 2;
  std::vector<std::uint32_t> cu{0, 3, 8, 10, 14, 14};
  std::vector<std::int32_t> prompt{1, -1, 0, 1, -1};
  DeviceArray<std::uint32_t> cu_gpu{cu};
  DeviceArray<std::int32_t> prompt_gpu{prompt};
  [[nodiscard]] PromptedSequences at() const { return {cu_gpu.data(), prompt_gpu.data(), 5, length}; }
};

std::vector<const Eigen::VectorXf*> pointers_to(const std::vector<Eigen::VectorXf>& values) {
  std::vector<const Eigen::VectorXf*> list;
  for (const auto& v : values) list.push_back(&v);
  return list;
}

constexpr const char* families[] = {"llama 3.1", "mistral", "qwen2",     "125m type", "350m type",
                                    "projected", "biases",  "ministral", "qwen3",     "gemma 2",
                                    "gemma 3",   "smollm3", "phi-3",     "olmo 2",    "granite"};

void compare_gradients(const Mixed& m, bool recompute, std::optional<peft::DropoutKey> key) {
  OnGpu<float> gpu(m, recompute);
  Transformer cpu(m.c.shape, peft::Adapters(m.layouts), recompute);
  std::vector<Eigen::VectorXf> expected(m.values.size());
  std::vector<Eigen::VectorXf*> expected_pointers;
  for (auto& e : expected) expected_pointers.push_back(&e);
  const double on_cpu = cpu.value_and_gradient(m.c.theta, m.c.batch, pointers_to(m.values),
                                               golden::curved_loss, expected_pointers, key);
  std::vector<Vector> got;
  std::vector<Vector*> got_pointers;
  for (const auto& v : gpu.values) got.push_back(zeros_like(v));
  for (auto& g : got) got_pointers.push_back(&g);
  for (int again = 0; again < 3; ++again) {  // at once, recorded, replayed
    const double on_gpu = gpu.transformer.value_and_gradient(gpu.theta, m.c.batch, gpu.adapters,
                                                             golden::curved_loss, got_pointers, key);
    CHECK(on_gpu == Approx(on_cpu).epsilon(1e-5));
    for (std::size_t a = 0; a < got.size(); ++a) {
      INFO("adapter " << a << ", recompute " << recompute << ", time " << again);
      CHECK((got[a].host() - expected[a]).norm() < 2e-5F * expected[a].norm());
    }
  }
}

template <class Distribution>
void compare_probes(const Mixed& m, const Distribution& distribution) {
  OnGpu<float> gpu(m);
  Transformer cpu(m.c.shape, peft::Adapters(m.layouts));
  const Direction direction{4, 2, 0};
  const std::vector<Probe> probes{{direction, 0.02}, {direction, -0.02}, {direction, 0.0}, {{4, 3, 1}, 0.02}};
  const auto expected =
      cpu.log_probabilities(m.c.theta, distribution, probes, m.c.batch, pointers_to(m.values));
  for (int again = 0; again < 3; ++again) {
    const auto got =
        gpu.transformer.log_probabilities(gpu.theta, distribution, probes, m.c.batch, gpu.adapters);
    REQUIRE(got.size() == expected.size());
    for (std::size_t j = 0; j < got.size(); ++j) {
      INFO("probe " << j << ", time " << again);
      CHECK(golden::largest_difference(got[j], expected[j]) < 1e-4);  // as in transformer_test.cpp
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("prompts' rows come before their sequences' at every probe", "[cuda]", float, bf16) {
  const Prompted p;
  const auto prompts = random_values(1, 2 * p.length * p.width);
  const auto before = scalars<TestType>(random_values(2, p.probes * p.tokens * p.width));
  DeviceArray<TestType> h(before);
  write_prompts<TestType>(nullptr, {p.tokens, p.probes}, p.at(), p.width, DeviceArray<float>(prompts).data(),
                          h.data());
  auto expected = floats(before);
  for (std::size_t probe = 0; probe < p.probes; ++probe)
    for (std::size_t s = 0; s < p.prompt.size(); ++s)
      for (std::size_t i = 0; p.prompt[s] >= 0 && i < p.length * p.width; ++i)
        expected[(probe * p.tokens + p.cu[s]) * p.width + i] =
            prompts[static_cast<std::size_t>(p.prompt[s]) * p.length * p.width + i];
  CHECK(floats(h.host()) == floats(scalars<TestType>(expected)));
}

TEMPLATE_TEST_CASE("prompts' gradients are sums over their sequences", "[cuda]", float, bf16) {
  const Prompted p;
  const auto dh = scalars<TestType>(random_values(3, p.tokens * p.width));
  DeviceArray<float> gradients(2 * p.length * p.width);  // NaN: it is overwritten
  prompt_gradients<TestType>(nullptr, p.at(), p.width, 2, DeviceArray<TestType>(dh).data(), gradients.data());
  std::vector<double> expected(2 * p.length * p.width, 0.0);
  const auto exact = floats(dh);
  for (std::size_t s = 0; s < p.prompt.size(); ++s)
    for (std::size_t i = 0; p.prompt[s] >= 0 && i < p.length * p.width; ++i)
      expected[static_cast<std::size_t>(p.prompt[s]) * p.length * p.width + i] +=
          static_cast<double>(exact[p.cu[s] * p.width + i]);
  CHECK(relative_error(gradients.host(), expected) < 1e-6);
}

TEMPLATE_TEST_CASE("the GPU drops what the CPU drops", "[cuda]", float, bf16) {
  const std::uint32_t rows = 7, width = 72;
  const peft::DropoutMask mask(0.3F);
  const peft::DropoutKey key{0x123456789ABCDEFU, 9};
  const DeviceArray<ProbeArgument> argument(
      std::vector<ProbeArgument>{{key.seed, key.step, peft::DropoutMask::query, 0.0F, 0}});
  const auto x = scalars<TestType>(random_values(4, rows * width));
  const auto start = scalars<TestType>(random_values(5, rows * width));
  const auto exact = floats(x);
  for (const bool add : {false, true}) {
    DeviceArray<TestType> y(start);
    drop<TestType>(nullptr, rows, width, {argument.data(), 21, mask.threshold, mask.scale},
                   DeviceArray<TestType>(x).data(), add, y.data());
    auto expected = floats(start);
    if (add)
      mask.apply<true>(key, 21, 0, exact.data(), exact.size(), expected.data());
    else
      mask.apply<false>(key, 21, 0, exact.data(), exact.size(), expected.data());
    // A fused multiply-add rounds once where the CPU rounds twice.
    CHECK(relative_error(y.host(), expected) < (std::is_same_v<TestType, float> ? 1e-7 : 4e-3));
    std::size_t dropped = 0;
    const auto got = floats(y.host());
    for (std::size_t i = 0; i < got.size() && !add; ++i) {
      CHECK((got[i] == 0.0F) == (expected[i] == 0.0F));
      dropped += got[i] == 0.0F ? 1U : 0U;
    }
    if (!add) CHECK(dropped > 0);
  }
}

TEST_CASE("mixed kinds of adapters on the GPU give the CPU's log-probabilities", "[cuda]") {
  for (const char* name : families) {
    INFO(name);
    const Mixed m(name);
    compare_probes(m, Gaussian{});
    compare_probes(m, LowRank{2, 1});
  }
}

TEST_CASE("mixed kinds of adapters on the GPU get the CPU's gradients", "[cuda]") {
  for (const char* name : families) {
    INFO(name);
    for (const bool recompute : {false, true}) compare_gradients(Mixed(name), recompute, {});
  }
}

TEST_CASE("dropout on the GPU gives the CPU's gradients, and another step's masks in one graph", "[cuda]") {
  for (const char* name : {"llama 3.1", "125m type", "350m type"}) {
    INFO(name);
    Mixed m(name);
    peft::LoraOptions options = m.c.lora.options();
    options.dropout = 0.25F;
    m.layouts[0] = peft::Lora(m.c.shape, options);
    for (const bool recompute : {false, true})
      for (const std::uint32_t step : {1U, 2U}) compare_gradients(m, recompute, peft::DropoutKey{77, step});
    OnGpu<float> gpu(m);
    std::vector<Vector> g;
    std::vector<Vector*> to;
    for (const auto& v : gpu.values) g.push_back(zeros_like(v));
    for (auto& x : g) to.push_back(&x);
    const auto value = [&](std::optional<peft::DropoutKey> key) {
      return gpu.transformer.value_and_gradient(gpu.theta, m.c.batch, gpu.adapters, golden::curved_loss, to,
                                                key);
    };
    const double plain = value({});
    std::vector<double> first;
    for (std::uint32_t step = 0; step < 4; ++step) first.push_back(value(peft::DropoutKey{77, step}));
    for (std::uint32_t step = 0; step < 4; ++step) CHECK(value(peft::DropoutKey{77, step}) == first[step]);
    CHECK(first[0] != first[1]);
    CHECK(first[1] != first[2]);
    CHECK(value({}) == plain);
  }
}

TEST_CASE("adapters start on the GPU where they start on the CPU", "[cuda]") {
  const std::vector<std::int32_t> tokens{7, 0, 33};
  for (const char* name : families) {
    const Mixed m(name);
    OnGpu<float> gpu(m);
    OnGpu<bf16> rounded(m);
    Transformer cpu(m.c.shape, peft::Adapters(m.layouts));
    for (const peft::Adapter& layout : m.layouts) {
      INFO(name << ", " << peft::name(peft::kind(layout)));
      const Eigen::VectorXf expected = initial_adapter(cpu, m.c.theta, layout, 3, tokens);
      const Eigen::VectorXf got = initial_adapter(gpu.transformer, gpu.theta, layout, 3, tokens);
      CHECK((got - expected).norm() < 1e-5F * expected.norm());
      const Eigen::VectorXf near = initial_adapter(rounded.transformer, rounded.theta, layout, 3, tokens);
      CHECK((near - expected).norm() < 0.05F * expected.norm());
    }
  }
}

TEST_CASE("mixed kinds in bf16 follow fp32", "[cuda]") {
  for (const char* name : families) {
    INFO(name);
    const Mixed m(name);
    OnGpu<float> exact(m);
    OnGpu<bf16> rounded(m);
    exact.theta.upload(rounded.theta.download());
    const auto a = exact.transformer.log_probabilities(exact.theta, m.c.batch, exact.adapters);
    const auto b = rounded.transformer.log_probabilities(rounded.theta, m.c.batch, rounded.adapters);
    double difference = 0.0, size = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += (a[i] - b[i]) * (a[i] - b[i]);
      size += a[i] * a[i];
    }
    CHECK(std::sqrt(difference / size) < 0.05);  // as in transformer_test.cpp
  }
}

TEST_CASE("the memory planned for every family is the memory held", "[cuda]") {
  constexpr std::uint32_t sequences = 16, length = 120, vectors = 8;
  for (const char* name : families)
    for (const bool recompute : {false, true}) {
      golden::Case c = golden::family(name).with_shape([](Config& shape) {
        shape.vocab = 1009;
        shape.width = 256;
        shape.kv_heads = 4;
        shape.head_dim = 64;
        shape.heads = 4;
        shape.ffn = 512;
        shape.context = 512;
        if (shape.projected()) shape.embedding_width = 128;
      });
      c.batch = {};
      const std::vector<std::int32_t> tokens(length, 5);
      for (std::uint32_t i = 0; i < sequences; ++i) {
        c.batch.add(tokens, static_cast<int>(i % 2));
        c.batch.targets.push_back({i, length - 1, 7});
      }
      const peft::Adapters layouts(std::vector<peft::Adapter>{c.lora, peft::Prompt(c.shape, {vectors})});
      c.batch.kinds = {peft::Kind::lora, peft::Kind::prompt};
      Context context;
      CudaParameters<float> theta(context, c.theta);
      BasicTransformer<CudaBackend<float>> transformer(CudaBackend<float>(context), c.shape, layouts,
                                                       recompute);
      const Vector lora(context, c.lora.initial(1));
      const Vector prompt(
          context,
          Eigen::VectorXf(Eigen::VectorXf::Zero(static_cast<Eigen::Index>(layouts.prompt().size()))));
      const Vector* const adapters[] = {&lora, &prompt};
      Vector g[] = {zeros_like(lora), zeros_like(prompt)};
      Vector* const gradients[] = {&g[0], &g[1]};
      const std::vector<Probe> probes{{{1, 0, 0}, 1e-3}, {{1, 0, 0}, -1e-3}};
      for (int again = 0; again < 3; ++again) {
        transformer.log_probabilities(theta, Gaussian{}, probes, c.batch, adapters);
        transformer.log_probabilities(theta, LowRank{4, 1}, probes, c.batch, adapters);
        transformer.value_and_gradient(theta, c.batch, adapters, golden::curved_loss, gradients);
      }
      CudaPlan<float> plan(c.shape, layouts);
      PassBounds bounds;
      bounds.tokens = sequences * (length + vectors);
      bounds.sequences = bounds.head_rows = bounds.targets = sequences;
      bounds.longest = length + vectors;
      bounds.probes = 2;
      bounds.perturbed = true;
      plan.pass(bounds);
      bounds.low_rank = 4;
      plan.pass(bounds);
      bounds.low_rank = 0;
      bounds.probes = 1;
      bounds.perturbed = false;
      bounds.saves_activations = true;
      bounds.recompute = recompute;
      plan.pass(bounds);
      plan.vectors(4);
      const auto held = static_cast<double>(context.counters().peak_bytes);
      const auto planned = static_cast<double>(plan.plan().total());
      INFO(name << ", recompute " << recompute << ": held " << held << ", planned " << planned);
      CHECK(held < 1.05 * planned + (1 << 20));  // as in training_test.cpp
      CHECK(held > 0.5 * planned);
    }
}
