/// @file Prompt tuning: trained vectors before the embedded tokens.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft {

/// Options of prompt tuning. Source: Lester et al. 2021.
struct PromptOptions {
  std::uint32_t tokens = 20;  ///< virtual tokens

  /// Throws Error naming the field out of range.
  void check() const {
    require(tokens >= 1 && tokens <= 4096, "prompt tokens = {}: must be in [1, 4096]", tokens);
  }
};

/// Layout of a prompt in a flat fp32 vector: [tokens, width] row-major. Its rows take the place of embedded
/// tokens (before a projection to the width of the blocks, and before learned positions are added) at the
/// positions 0 … tokens − 1; a sequence's own positions start at `tokens`.
class Prompt {
 public:
  /// Throws Error if an option is out of range or leaves no position of the model's context.
  Prompt(const ModelShape& shape, PromptOptions options) : options_(options), width_(shape.embedded) {
    options_.check();
    require(options_.tokens < shape.context, "prompt tokens = {}: must be below {} (the model's context)",
            options_.tokens, shape.context);
  }

  /// The options that the layout was made from.
  [[nodiscard]] const PromptOptions& options() const { return options_; }
  /// Virtual tokens.
  [[nodiscard]] std::uint32_t tokens() const { return options_.tokens; }
  /// Entries of a row: those of an embedded token.
  [[nodiscard]] std::size_t width() const { return width_; }
  /// Entries of the vector.
  [[nodiscard]] std::size_t size() const { return options_.tokens * width_; }

 private:
  PromptOptions options_;
  std::size_t width_;
};

}  // namespace zofo::peft
