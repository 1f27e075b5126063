// zofo doctor: how fast.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "doctor.hpp"
#include "zofo/core/direction.hpp"
#include "zofo/machine/host.hpp"
#include "zofo/machine/speed.hpp"
#include "zofo/model/known_shapes.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/tensor/memory_plan.hpp"

namespace zofo::cli {
namespace {

constexpr std::size_t sequences = 8, tokens = 32;  // the batch of docs/results/performance.md

model::Batch batch(std::uint32_t vocab) {
  model::Batch b;
  std::vector<std::int32_t> row(tokens);
  for (std::size_t i = 0; i < sequences; ++i) {
    for (std::size_t t = 0; t < tokens; ++t)
      row[t] = static_cast<std::int32_t>((i * 977 + t * 131 + 7) % vocab);
    b.targets.push_back({b.add(row, -1), static_cast<std::uint32_t>(tokens - 1), 5});
  }
  return b;
}

// A forward pass of SmolLM2-135M's shape with random weights: values do not change the time.
struct Forward {
  Findings& findings;
  double budget = 1.5;  // seconds

  template <class Device>
  int on(Device& device) const {
    using Backend = typename Device::Backend;
    const model::Config shape = model::smollm2();
    model::Parameters weights(shape);
    Gaussian{}.add(weights, Direction{1, 0, 0}, 0.02);
    auto& theta = device.place(weights);
    model::BasicTransformer<Backend> transformer(device.backend(), shape, peft::Lora(shape, {}));
    const model::Batch work = batch(shape.vocab);
    const double seconds = machine::shortest([&] { transformer.log_probabilities(theta, work, {}); }, budget);
    findings.facts["speed"]["forward"] = {
        {"seconds", seconds},
        {"sequences", sequences},
        {"tokens", tokens},
        {"tokens_per_second", static_cast<double>(sequences * tokens) / seconds}};
    return 0;
  }
};

}  // namespace

void measure(Device device, Findings& f) {
  nlohmann::json& speed = f.facts["speed"];
  const std::uint64_t usable = machine::host_memory().usable();
  constexpr std::size_t copied = std::size_t{128} << 20U;
  if (usable > 0 && usable < 4 * copied) {
    speed["left_out"] = fmt::format("{} of memory are too little to measure", tensor::bytes_text(usable));
    return;
  }
  // The largest product of a block of SmolLM2-135M, and copies beyond the caches.
  const model::Config shape = model::smollm2();
  speed["gemm_gflops"] = machine::product_speed(sequences * tokens, shape.width, shape.ffn_in(), 0.3);
  speed["copy_gbs"] = machine::copy_speed(copied, 0.3);
  const std::size_t weights = model::Layout(shape).size() * sizeof(float);
  if (usable > 0 && usable < 2 * weights) {
    speed["forward_left_out"] = fmt::format("{} of memory are too little for the weights of {}",
                                            tensor::bytes_text(usable), tensor::bytes_text(weights));
    return;
  }
  try {
    on_device(device, Forward{f});
  } catch (const Error& error) {  // a GPU that is full, for example
    speed["forward_left_out"] = error.what();
    f.fail(fmt::format("a forward pass failed: {}", error.what()),
           "free the device's memory, or use --device cpu");
  }
}

}  // namespace zofo::cli
