/// @file The memory that is planned for passes on the CPU, compared with what the C library has handed out.
#include "zofo/model/cpu_plan.hpp"

#include <malloc.h>

#include <array>
#include <vector>

#include "catch.hpp"
#include "golden.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/perturb/gaussian.hpp"

using namespace zofo;
using namespace zofo::model;

namespace {

#if defined(__SANITIZE_ADDRESS__)
#define ZOFO_TEST_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)  // clang's name
#define ZOFO_TEST_UNDER_ASAN 1
#endif
#endif

#if defined(__GLIBC__) && !defined(ZOFO_TEST_UNDER_ASAN)
constexpr bool countable = true;
std::size_t in_use() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}
#else
constexpr bool countable = false;
std::size_t in_use() { return 0; }
#endif

Config shape_of_plan() {
  Config c;
  c.vocab = 4003;
  c.width = 192;
  c.layers = 4;
  c.heads = 6;
  c.kv_heads = 2;
  c.head_dim = 32;
  c.ffn = 512;
  c.context = 512;
  return c;
}

Batch equal_sequences(std::uint32_t sequences, std::uint32_t length, int adapter) {
  Batch b;
  const std::vector<std::int32_t> tokens(length, 5);
  for (std::uint32_t i = 0; i < sequences; ++i) {
    b.add(tokens, adapter);
    b.targets.push_back({i, length - 1, 7});
  }
  return b;
}

}  // namespace

TEST_CASE("the memory planned for passes on the CPU is the memory they take", "[model]") {
  if (!countable) return;  // not glibc, or a sanitizer allocates
  constexpr std::uint32_t sequences = 16, length = 96;
  for (const bool recompute : {false, true})
    for (const bool gradient : {false, true}) {
      const Parameters theta(shape_of_plan());
      const peft::Lora lora(shape_of_plan(), {});
      const Eigen::VectorXf p = lora.initial(1);
      Eigen::VectorXf g;
      const std::size_t before = in_use();
      BasicTransformer<CpuBackend> transformer(CpuBackend{}, shape_of_plan(), lora, recompute);
      CpuPlan plan(shape_of_plan(), lora);
      PassBounds bounds;
      bounds.tokens = std::size_t{sequences} * length;
      bounds.sequences = bounds.head_rows = bounds.targets = sequences;
      bounds.longest = length;
      if (gradient) {
        const Eigen::VectorXf* const adapter = &p;
        Eigen::VectorXf* const to = &g;
        transformer.value_and_gradient(theta, equal_sequences(sequences, length, 0), {&adapter, 1},
                                       golden::curved_loss, {&to, 1});
        bounds.saves_activations = true;
        bounds.recompute = recompute;
      } else {
        const std::array<Probe, 2> probes{Probe{{1, 0, 0}, 1e-3}, Probe{{1, 0, 0}, -1e-3}};
        const Eigen::VectorXf* const adapter = &p;
        transformer.log_probabilities(theta, Gaussian{}, probes, equal_sequences(sequences, length, 0),
                                      {&adapter, 1});
        bounds.probes = 2;
        bounds.perturbed = true;
      }
      plan.pass(bounds);
      const auto held = static_cast<double>(in_use() - before);
      const auto planned = static_cast<double>(plan.plan().total() - theta.values().size() * sizeof(float));
      INFO("recompute " << recompute << ", gradient " << gradient << ": held " << held << ", planned "
                        << planned);
      CHECK(held < 1.05 * planned + (1 << 20));
      CHECK(held > 0.8 * planned);
    }
}
