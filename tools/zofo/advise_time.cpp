#include "advise_time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "zofo/model/known_shapes.hpp"
#include "zofo/model/layout.hpp"

namespace zofo::cli {
namespace {

// Weights of the matrices of all blocks.
double block_weights(const model::Config& config) {
  const model::Layout layout(config);
  double sum = 0.0;
  const std::size_t first = layout.layer_first(0), end = layout.layer_first(config.layers);
  for (std::size_t i = first; i < end; ++i)
    if (layout.tensors()[i].rows > 1) sum += static_cast<double>(layout.tensors()[i].size());
  return sum;
}

double weights(const model::Config& config) { return static_cast<double>(model::Layout(config).size()); }

BatchWork batch_of(const MeasuredStep& step) {
  const auto sequences = static_cast<double>(step.sequences);
  return {sequences * static_cast<double>(step.tokens), sequences * static_cast<double>(step.targets)};
}

// One measured step, scaled.
struct Scaled {
  const MeasuredStep* step = nullptr;
  double seconds = 0.0, factor = 0.0;  // of the work
};

// Scales steps of one device to a model and a batch.
class Scaling {
 public:
  Scaling(const Measured& measured, const std::string& device, const model::Config& config,
          const BatchWork& batch)
      : measured_(measured), device_(device), config_(config), batch_(batch) {}

  // The step of this name whose work is nearest; `passes`: forward passes at perturbed weights among its
  // time. What a perturbed step takes beyond its passes is proportional to the weights and not to the tokens.
  [[nodiscard]] std::optional<Scaled> operator()(const std::string& name, double passes) const {
    const MeasuredStep* const step = nearest(name);
    if (step == nullptr) return {};
    const model::Config theirs = model::known_shape(step->shape);
    double factor = forward_work(config_, batch_) / forward_work(theirs, batch_of(*step));
    double growth = weights(config_) / weights(theirs);
    if (device_ == "gpu") {  // launches and reading weights limit smaller steps, not multiplications
      factor = std::max(factor, 1.0);
      growth = std::max(growth, 1.0);
    }
    double with_tokens = step->ms, with_weights = 0.0;
    if (const MeasuredStep* const forward = passes > 0.0 ? same("forward", *step) : nullptr) {
      with_weights = std::max(step->ms - passes * forward->ms, 0.0);
      with_tokens = step->ms - with_weights;
    }
    const double ms = with_tokens * factor + with_weights * growth;
    return Scaled{step, ms / 1000.0, factor};
  }

 private:
  [[nodiscard]] const MeasuredStep* nearest(const std::string& name) const {
    const MeasuredStep* best = nullptr;
    double least = 0.0;
    for (const MeasuredStep& each : measured_.steps) {
      if (each.source->device != device_ || each.step != name) continue;
      const double distance = std::abs(std::log(
          forward_work(config_, batch_) / forward_work(model::known_shape(each.shape), batch_of(each))));
      const bool nearer = best == nullptr || distance < least - 1e-9;
      const bool newer =
          best != nullptr && distance <= least + 1e-9 && each.source->date > best->source->date;
      if (!nearer && !newer) continue;
      best = &each;
      least = distance;
    }
    return best;
  }
  // Another step of the same measurement.
  [[nodiscard]] const MeasuredStep* same(const std::string& name, const MeasuredStep& as) const {
    for (const MeasuredStep& each : measured_.steps)
      if (each.source == as.source && each.step == name && each.shape == as.shape &&
          each.sequences == as.sequences && each.tokens == as.tokens)
        return &each;
    return nullptr;
  }

  const Measured& measured_;
  const std::string& device_;
  const model::Config& config_;
  const BatchWork& batch_;
};

std::string text_of(const Scaled& scaled) {
  const MeasuredStep& s = *scaled.step;
  return fmt::format("{} of {}, {} x {} tokens, {:.4g} ms, x {:.3g} of the work", s.step, s.shape,
                     s.sequences, s.tokens, s.ms, scaled.factor);
}

}  // namespace

double forward_work(const model::Config& config, const BatchWork& batch) {
  return batch.tokens * block_weights(config) +
         batch.head_rows * static_cast<double>(config.vocab) * static_cast<double>(config.embedded());
}

std::optional<StepTime> step_time(const Measured& measured, const std::string& device,
                                  const llm::RunOptions& o, const model::Config& config,
                                  const BatchWork& batch) {
  const Scaling scaled(measured, device, config, batch);
  const auto only = [](const std::optional<Scaled>& step) -> std::optional<StepTime> {
    if (!step) return {};
    return StepTime{step->seconds, text_of(*step), false, step->step->source};
  };
  if (o.method == llm::Method::lora) return only(scaled("lora_step", 0.0));
  if (o.method == llm::Method::mezo) return only(scaled("mezo_step", 2.0));
  if (o.method != llm::Method::bilevel && o.method != llm::Method::frozen) return {};
  // T steps of s on G, one batch, and of p on F + lambda G, two.
  const std::optional<Scaled> gradient = scaled("lora_step", 0.0), outer = scaled("outer_step", 6.0);
  if (!gradient || !outer) return {};
  const double inner = 3.0 * o.inner_steps;
  StepTime time{inner * gradient->seconds, fmt::format("{:.0f} times {}", inner, text_of(*gradient)), true,
                gradient->step->source};
  if (o.method == llm::Method::frozen) return time;
  time.seconds += outer->seconds;
  time.from += "; and " + text_of(*outer);
  return time;
}

}  // namespace zofo::cli
