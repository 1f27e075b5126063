/// @file Cached passes and generated sequences on the GPU, in fp32 against the CPU; graphs, counters, memory.
/// Tests tagged [.time] print milliseconds and run only when asked for.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>
#include <string>

#include "../peft/mixed.hpp"
#include "../train/tiny_fixture.hpp"
#include "catch.hpp"
#include "device.hpp"
#include "generated.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/generate.hpp"
#include "zofo/model/cuda/backend.hpp"
#include "zofo/model/cuda/plan.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/perturb/gaussian.hpp"

using namespace zofo;
using namespace zofo::model;
using namespace zofo::model::generated;
using tensor::cuda::bf16;
using tensor::cuda::Context;
using tensor::cuda::Vector;

namespace {

// As fp32 continues the GPU (tests/cuda/transformer_test.cpp): another order of the same sums.
constexpr double rounding = 2e-5;

/// Shapes that the CUDA backend takes.
bool fits(const Config& c) {
  return c.width % 8 == 0 && c.head_dim % 8 == 0 && c.ffn % 8 == 0 && c.embedding_width % 8 == 0;
}

}  // namespace

TEST_CASE("cached passes on the GPU give the CPU's log-probabilities, for every kind of adapter", "[cuda]") {
  std::size_t taken = 0;
  const auto document = golden::load("families.json");
  for (const auto& j : document.at("cases")) {
    const golden::Mixed m(j.at("name"));
    const golden::Case& c = m.c;
    if (!fits(c.shape)) continue;
    ++taken;
    std::vector<const Eigen::VectorXf*> on_cpu;
    for (const auto& v : m.values) on_cpu.push_back(&v);
    Transformer cpu(c.shape, peft::Adapters(m.layouts));
    const auto expected = cpu.log_probabilities(c.theta, c.batch, on_cpu);

    Context context;
    const CudaParameters<float> theta(context, c.theta);
    BasicTransformer<CudaBackend<float>> gpu(CudaBackend<float>(context), c.shape, peft::Adapters(m.layouts));
    std::vector<Vector> values;
    std::vector<const Vector*> adapters;
    for (const auto& v : m.values) values.emplace_back(context, v);
    for (const auto& v : values) adapters.push_back(&v);
    KvCache<CudaBackend<float>> cache(gpu.backend(), c.shape, {c.batch.sequences(), 11});
    for (int again = 0; again < 3; ++again) {  // at once, recorded, replayed
      std::vector<double> got(expected.size(), 0.0);
      for (std::size_t slot = 0; slot < c.batch.sequences(); ++slot) cache.clear(slot);
      // The first token of every sequence, then those after it one by one.
      for (std::uint32_t at = 0;; ++at) {
        Batch part;
        part.kinds = c.batch.kinds;
        std::vector<std::uint32_t> slots;
        std::vector<std::size_t> targets;
        for (std::uint32_t i = 0; i < c.batch.sequences(); ++i) {
          if (at >= c.batch.cu_seqlens[i + 1] - c.batch.cu_seqlens[i]) continue;
          const std::uint32_t sequence =
              part.add(std::span(&c.batch.tokens[c.batch.cu_seqlens[i] + at], 1), c.batch.adapter[i]);
          slots.push_back(static_cast<std::uint32_t>(c.batch.sequences() - 1 - i));
          for (std::size_t t = 0; t < c.batch.targets.size(); ++t) {
            const Target& target = c.batch.targets[t];
            if (target.sequence != i || target.position != at) continue;
            part.targets.push_back({sequence, 0, target.token});
            targets.push_back(t);
          }
        }
        if (slots.empty()) break;
        const auto log_p = gpu.log_probabilities(theta, part, adapters, cache, slots);
        for (std::size_t t = 0; t < log_p.size(); ++t) got[targets[t]] = log_p[t];
      }
      INFO(c.name << ", time " << again);
      CHECK(golden::largest_difference(got, expected) < rounding);
    }
  }
  CHECK(taken >= 4);
}

TEST_CASE(
    "generated sequences on the GPU in fp32 equal the CPU's, for every head dim, family and kind of adapter",
    "[cuda]") {
  constexpr std::size_t most = 12;
  for (const char* name : families)
    for (const std::uint32_t head_dim : {64U, 80U, 96U, 128U}) {
      const golden::Case c = shaped(name, head_dim);
      for (const peft::Adapters& layout : {peft::Adapters(c.lora), peft::Adapters(peft::Prefix(c.shape, {3})),
                                           peft::Adapters(peft::Prompt(c.shape, {4}))}) {
        INFO(name << ", head dim " << head_dim << ", " << peft::name(layout.first()));
        Transformer cpu(c.shape, layout);
        const Eigen::VectorXf adapter = golden::adapter(0, layout.size(layout.first()));
        const std::vector<Tokens> expected = written(cpu, c.theta, &adapter, most, 6);
        // Where rounding might choose, other tokens would say nothing.
        const std::vector<std::size_t> clear = clear_choices(c, cpu, adapter, expected, 10 * rounding);
        std::size_t all = 0;
        for (const Tokens& sequence : expected) all += sequence.size();
        REQUIRE(2 * std::accumulate(clear.begin(), clear.end(), std::size_t{0}) > all);
        Context context;
        const CudaParameters<float> theta(context, c.theta);
        BasicTransformer<CudaBackend<float>> gpu(CudaBackend<float>(context), c.shape, layout);
        const Vector on_gpu(context, adapter);
        for (const std::size_t at_once : {6U, 2U}) {
          const std::vector<Tokens> got = written(gpu, theta, &on_gpu, most, at_once);
          for (std::size_t i = 0; i < expected.size(); ++i) {
            REQUIRE(got[i].size() == expected[i].size());
            CHECK(std::equal(got[i].begin(), got[i].begin() + static_cast<std::ptrdiff_t>(clear[i]),
                             expected[i].begin()));
          }
        }
      }
    }
}

TEST_CASE("sequences generated in bf16 begin like those in fp32", "[cuda]") {
  // Two layers' rounding moves log-probabilities by some hundredths: most first choices stand.
  std::size_t same = 0, all = 0;
  for (const char* name : families) {
    const golden::Case c = shaped(name, 64);
    Context context;
    const CudaParameters<bf16> theta(context, c.theta);
    const CudaParameters<float> exact(context, theta.download());
    BasicTransformer<CudaBackend<bf16>> gpu(CudaBackend<bf16>(context), c.shape, c.lora);
    BasicTransformer<CudaBackend<float>> single(CudaBackend<float>(context), c.shape, c.lora);
    const auto sequences = written(gpu, theta, nullptr, 4, 6),
               expected = written(single, exact, nullptr, 4, 6);
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      same += sequences[i][0] == expected[i][0] ? 1 : 0;
      ++all;
    }
  }
  CHECK(same * 4 >= all * 3);
}

TEST_CASE("a steady decode step allocates nothing, waits once and is one graph", "[cuda]") {
  const golden::Case c = shaped("llama 2", 64);
  Context context;
  const CudaParameters<bf16> theta(context, c.theta);
  BasicTransformer<CudaBackend<bf16>> gpu(CudaBackend<bf16>(context), c.shape, c.lora);
  KvCache<CudaBackend<bf16>> cache(gpu.backend(), c.shape, {4, 128});
  const std::vector<std::uint32_t> slots{0, 1, 2, 3};
  const auto pass = [&](std::size_t length) {
    Batch batch;
    for (std::uint32_t i = 0; i < 4; ++i)
      batch.targets.push_back({batch.add(Tokens(length, 7), -1), static_cast<std::uint32_t>(length - 1), 0});
    gpu.best_tokens(theta, batch, {}, cache, slots, c.shape.vocab);
  };
  pass(70);  // the rotary tables then reach to 128
  for (int k = 0; k < 3; ++k) pass(1);
  const auto before = context.counters();
  for (int k = 0; k < 50; ++k) pass(1);
  const auto after = context.counters();
  CHECK(after.allocations == before.allocations);
  CHECK(after.synchronisations == before.synchronisations + 50);
  CHECK(after.graph_launches == before.graph_launches + 50);
}

TEST_CASE("another cache or another limit runs no recorded step of the first", "[cuda]") {
  const golden::Case c = shaped("llama 2", 64);
  Context context;
  const CudaParameters<float> theta(context, c.theta);
  BasicTransformer<CudaBackend<float>> gpu(CudaBackend<float>(context), c.shape, c.lora);
  using Cache = KvCache<CudaBackend<float>>;
  Cache one(gpu.backend(), c.shape, {1, 64}), other(gpu.backend(), c.shape, {1, 64});
  const std::vector<std::uint32_t> slots{0};
  const auto pass = [&](Cache& cache, const Tokens& tokens, std::size_t limit) {
    Batch batch;
    batch.targets.push_back({batch.add(tokens, -1), static_cast<std::uint32_t>(tokens.size() - 1), 0});
    return gpu.best_tokens(theta, batch, {}, cache, slots, limit).front();
  };
  // Both caches at once, a step of each in turn: what each writes must not depend on the other.
  const auto text = [&](const Tokens& prompt, bool in_turn) {
    one.clear(0);
    other.clear(0);
    Tokens made{pass(one, prompt, c.shape.vocab)};
    if (in_turn) pass(other, {9, 9, 9, 9, 9, 9}, c.shape.vocab);
    while (made.size() < 8) {
      if (in_turn) pass(other, {4}, 3);
      made.push_back(pass(one, {made.back()}, c.shape.vocab));
    }
    return made;
  };
  CHECK(text({3, 61, 17}, false) == text({3, 61, 17}, true));
  CHECK(pass(other, {4}, 3) < 3);
}

TEST_CASE("the memory planned for generation equals the memory used", "[cuda]") {
  for (const char* name : {"llama 2", "350m type"}) {
    golden::Case c = shaped(name, 64);
    Config config = c.shape;
    config.vocab = 2003;
    config.context = 1024;
    c = c.with_shape([&](Config& shape) { shape = config; });
    Context context;
    const CudaParameters<float> theta(context, c.theta);
    BasicTransformer<CudaBackend<float>> gpu(CudaBackend<float>(context), c.shape, c.lora);
    llm::Decoder<CudaBackend<float>> writer(gpu, {16, 700});
    const std::vector<Tokens> requested(16, Tokens(500, 5));
    std::vector<std::size_t> counts(requested.size(), 0);
    writer.generate(theta, nullptr, requested, c.shape.vocab, llm::MostProbable{},
                    [&](std::size_t i, std::int32_t) { return ++counts[i] < 200; });
    CudaPlan<float> plan(c.shape, c.lora);
    plan.cache({16, 700}, 16 * 500);
    const auto held = static_cast<double>(context.counters().peak_bytes);
    const auto planned = static_cast<double>(plan.plan().total());
    INFO(name << ": held " << held << ", planned " << planned);
    CHECK(held < 1.05 * planned + (1 << 20));  // as in training_test.cpp
    CHECK(held > 0.5 * planned);
  }
}

TEST_CASE("a model's generated sequences on the GPU equal those of the CPU", "[cuda]") {
  const testing::TinyFixture files("cuda_generate");
  const llm::Model model = files.model();
  std::vector<Tokens> requested;
  for (const char* text : {" stone river", " awful", " green table north seven glass", " a"})
    requested.push_back(llm::encode_prompt(model, text));
  const Config& config = model.parameters.config();
  Transformer cpu(config, peft::Lora(config, {}));
  Context context;
  const CudaParameters<float> theta(context, model.parameters);
  BasicTransformer<CudaBackend<float>> gpu(CudaBackend<float>(context), config, peft::Lora(config, {}));
  const llm::EndOfText end{{"e"}, 10};
  CHECK(llm::cached_greedy_sequences(model, gpu, theta, nullptr, requested, end) ==
        llm::greedy_sequences(model, cpu, model.parameters, nullptr, requested, end));
  const llm::SamplingOptions options{.temperature = 1.5, .top_p = 0.9, .seed = 2};
  const auto sampled = [&](auto& transformer, const auto& weights) {
    std::vector<Tokens> texts;
    for (const llm::Generation& each :
         llm::decode(model, transformer, weights, nullptr, requested, end, {{3}, options}))
      texts.push_back(each.tokens);
    return texts;
  };
  CHECK(sampled(gpu, theta) == sampled(cpu, model.parameters));
}

TEST_CASE("time of a decode step on the GPU", "[.time]") {
  Config config;  // SmolLM2-135M
  config.vocab = 49152;
  config.width = 576;
  config.layers = 30;
  config.heads = 9;
  config.kv_heads = 3;
  config.head_dim = 64;
  config.ffn = 1536;
  config.context = 8192;
  Parameters random(config);
  Gaussian{}.add(random, Direction{1, 0, 0}, 0.02);
  Context context;
  const CudaParameters<bf16> theta(context, random);
  const peft::Lora lora(config, {});
  BasicTransformer<CudaBackend<bf16>> gpu(CudaBackend<bf16>(context), config, lora);
  for (const std::uint32_t sequences : {1U, 8U, 64U})
    for (const std::size_t length : {64U, 512U, 1536U}) {
      constexpr std::size_t steps = 64;
      KvCache<CudaBackend<bf16>> cache(gpu.backend(), config, {sequences, length + steps + 8});
      std::vector<std::uint32_t> slots;
      for (std::uint32_t slot = 0; slot < sequences; ++slot) slots.push_back(slot);
      const auto pass = [&](std::size_t tokens) {
        Batch batch;
        for (std::uint32_t i = 0; i < sequences; ++i)
          batch.targets.push_back(
              {batch.add(Tokens(tokens, 7), -1), static_cast<std::uint32_t>(tokens - 1), 0});
        gpu.best_tokens(theta, batch, {}, cache, slots, config.vocab);
      };
      const auto seconds = [] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
      };
      pass(length);
      for (int warm = 0; warm < 4; ++warm) pass(1);
      const double start = seconds();
      for (std::size_t k = 0; k < steps; ++k) pass(1);
      const double step = (seconds() - start) / steps;
      std::printf("%2u sequences after %4zu tokens: %.3f ms a step, %.0f tokens/s\n", sequences, length,
                  1e3 * step, sequences / step);
    }
}
