/// @file Lower bounds of the cost of the steps of zofo_bench_llm: the arithmetic of their matrix products and
/// the bytes of device memory traffic.
#pragma once

#include <cstddef>
#include <string_view>

#include "zofo/core/error.hpp"
#include "zofo/model/layout.hpp"

namespace zofo::bench {

/// Floating-point operations of products with weights, and bytes of what is not one of their operands.
struct Cost {
  double flops = 0.0;
  double bytes = 0.0;
  friend Cost operator+(Cost a, Cost b) { return {a.flops + b.flops, a.bytes + b.bytes}; }
  friend Cost operator*(double n, Cost a) { return {n * a.flops, n * a.bytes}; }
};

/// The costs of one model at one batch. Counted: every product with a frozen weight, each activation that a
/// norm, rotation, attention, activation function or the head reads or writes by itself, each weight that a
/// probe or an update reads or writes. Not counted: operands of the products, products of low rank, scores of
/// attention, the arithmetic of random numbers.
class LlmCost {
 public:
  /// `scalar` bytes a weight and an activation; `targets` rows of the head a sequence.
  LlmCost(const model::Config& config, std::size_t batch, std::size_t seq, std::size_t targets,
          std::size_t scalar)
      : c_(config),
        rows_(static_cast<double>(batch * seq)),
        head_rows_(static_cast<double>(batch * targets)),
        scalar_(static_cast<double>(scalar)),
        weights_(static_cast<double>(model::Layout(config).size())) {}

  /// The cost of a step of zofo_bench_llm. Throws Error if there is none of the name.
  [[nodiscard]] Cost of(std::string_view step) const {
    if (step == "forward") return forward();
    if (step == "mezo_step") return 2.0 * forward() + two_sided() + update();
    if (step == "outer_step") return 6.0 * forward() + two_sided() + update();
    if (step == "outer_step_low_rank") return 6.0 * forward() + update();
    if (step == "lora_step") return forward() + backward();
    if (step == "probes16_low_rank") return 16.0 * forward();
    if (step == "bilevel_step") return 3.0 * (forward() + backward()) + of("outer_step");
    fail("step = '{}': no such step", step);
  }

 private:
  [[nodiscard]] double width() const { return c_.width; }
  [[nodiscard]] double ffn() const { return c_.ffn; }
  [[nodiscard]] double layers() const { return c_.layers; }
  [[nodiscard]] double queries() const { return static_cast<double>(c_.query_width()); }
  [[nodiscard]] double qkv() const { return static_cast<double>(c_.qkv_width()); }
  [[nodiscard]] double ffn_in() const { return static_cast<double>(c_.ffn_in()); }
  [[nodiscard]] double head() const { return static_cast<double>(c_.vocab) * width(); }
  [[nodiscard]] double blocks() const {
    return layers() * (width() * qkv() + queries() * width() + width() * ffn_in() + ffn() * width());
  }
  // Elements of the queries and keys of a row, read and written where they are rotated.
  [[nodiscard]] double rotated() const {
    return c_.rotary ? 2.0 * (queries() + static_cast<double>(c_.key_width())) : 0.0;
  }

  [[nodiscard]] Cost forward() const {
    const double norms = 2.0 * 2.0 * width();
    const double attention = qkv() + queries();
    const double activation = c_.gated() ? 3.0 * ffn() : 0.0;  // relu belongs to its product
    const double logits = 2.0 * sizeof(float) * head_rows_ * static_cast<double>(c_.vocab);
    const double block = norms + rotated() + attention + activation;
    return {2.0 * (rows_ * blocks() + head_rows_ * head()), scalar_ * rows_ * layers() * block + logits};
  }
  // To activations only; below the first block's attention nothing is trained.
  [[nodiscard]] Cost backward() const {
    const double norms = 2.0 * 4.0 * width() + 2.0 * width();  // and one norm again for q's and v's adapters
    const double attention = 2.0 * (qkv() + queries());
    const double activation = (c_.gated() ? 5.0 : 3.0) * ffn();
    const double logits = (sizeof(float) + scalar_) * head_rows_ * static_cast<double>(c_.vocab);
    const double block = norms + rotated() + attention + activation;
    return {2.0 * (rows_ * (blocks() - width() * qkv()) + head_rows_ * head()),
            scalar_ * rows_ * layers() * block + logits};
  }
  // θ read once, and written at either side, where a product reads it.
  [[nodiscard]] Cost two_sided() const { return {0.0, 3.0 * scalar_ * (blocks() + head())}; }
  [[nodiscard]] Cost update() const { return {0.0, 2.0 * scalar_ * weights_}; }

  model::Config c_;
  double rows_, head_rows_, scalar_, weights_;
};

}  // namespace zofo::bench
