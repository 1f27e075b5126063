/// @file Prefix tuning: where the keys and values of each layer are stored in one flat vector.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft {

/// Options of prefix tuning. Source: Li & Liang 2021, without the network that reparametrises the prefix: the
/// prefix itself is trained.
struct PrefixOptions {
  std::uint32_t tokens = 5;  ///< virtual tokens: keys and values per layer

  /// Throws Error naming the field out of range.
  void check() const {
    require(tokens >= 1 && tokens <= 4096, "prefix tokens = {}: must be in [1, 4096]", tokens);
  }
};

/// Layout of a prefix in a flat fp32 vector: layer by layer, keys [tokens, key_width] then values [tokens,
/// key_width]. Keys are stored as attention reads them: rotated to the positions 0 … tokens − 1, with the two
/// entries of a rotary pair next to each other. A sequence's own positions start at `tokens`.
class Prefix {
 public:
  /// Throws Error if an option is out of range or leaves no position of the model's context.
  Prefix(const ModelShape& shape, PrefixOptions options)
      : options_(options),
        layers_(shape.layers),
        layer_keys_(std::size_t{options.tokens} * shape.key_width()) {
    options_.check();
    require(options_.tokens < shape.context, "prefix tokens = {}: must be below {} (the model's context)",
            options_.tokens, shape.context);
  }

  /// The options that the layout was made from.
  [[nodiscard]] const PrefixOptions& options() const { return options_; }
  /// Virtual tokens.
  [[nodiscard]] std::uint32_t tokens() const { return options_.tokens; }
  /// Entries of the vector.
  [[nodiscard]] std::size_t size() const { return 2 * layer_keys_ * layers_; }
  ///@{
  /// First entry of the layer's keys and of its values.
  [[nodiscard]] std::size_t keys(std::size_t layer) const { return 2 * layer_keys_ * layer; }
  [[nodiscard]] std::size_t values(std::size_t layer) const { return keys(layer) + layer_keys_; }
  ///@}

 private:
  PrefixOptions options_;
  std::size_t layers_, layer_keys_;
};

}  // namespace zofo::peft
