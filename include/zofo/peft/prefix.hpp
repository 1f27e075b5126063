/// @file Prefix tuning: where the keys and values of each layer lie in one flat vector.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft {

/// Keys and values a layer of prefix tuning. Source: Li & Liang 2021, without the network that makes the
/// prefix from smaller numbers: the prefix itself is trained.
struct PrefixOptions {
  std::uint32_t tokens = 5;

  /// Throws Error naming the field out of range.
  void check() const {
    require(tokens >= 1 && tokens <= 4096, "prefix tokens = {}: must be in [1, 4096]", tokens);
  }
};

/// Layout of a prefix in a flat fp32 vector: layer by layer, keys [tokens, key_width] then values [tokens,
/// key_width]. Keys are as attention takes them: after the rotary positions 0 … tokens − 1, pairs side by
/// side. A sequence's own positions start at `tokens`, as after that many real tokens.
class Prefix {
 public:
  Prefix(const ModelShape& shape, PrefixOptions options)
      : options_(options), layers_(shape.layers), half_(std::size_t{options.tokens} * shape.key_width()) {
    options_.check();
    require(options_.tokens < shape.context,
            "prefix tokens = {}: must be below the model's context of {}, which they share with the text",
            options_.tokens, shape.context);
  }

  [[nodiscard]] const PrefixOptions& options() const { return options_; }
  [[nodiscard]] std::uint32_t tokens() const { return options_.tokens; }
  [[nodiscard]] std::size_t size() const { return 2 * half_ * layers_; }
  /// Where the layer's keys and values start.
  [[nodiscard]] std::size_t keys(std::size_t layer) const { return 2 * half_ * layer; }
  [[nodiscard]] std::size_t values(std::size_t layer) const { return keys(layer) + half_; }

 private:
  PrefixOptions options_;
  std::size_t layers_, half_;
};

}  // namespace zofo::peft
