/// @file Initial values of adapters of every kind.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"
#include "zofo/peft/adapter.hpp"

namespace zofo::model {

/// n tokens, independent and uniform over the vocabulary: a pure function of the seed.
inline std::vector<std::int32_t> random_tokens(std::uint64_t seed, std::size_t n, std::uint32_t vocab) {
  std::vector<double> u(n);
  uniforms(Direction{seed, 0, 0}, 0, 0, u.data(), n);
  std::vector<std::int32_t> tokens;
  for (const double x : u) tokens.push_back(static_cast<std::int32_t>(x * vocab));
  return tokens;
}

/// Initial values of an adapter. LoRA: Lora::initial, which does not change the model. Prefix: keys and
/// values of tokens (Li & Liang 2021, section 5.3). Prompt: embeddings of tokens (Lester et al. 2021,
/// section 3.2). These are `tokens`, repeated or cut to the adapter's number of virtual tokens; if empty,
/// random_tokens of the seed. Throws Error if a token is not in the vocabulary or the layout does not fit the
/// model.
template <class Transformer, class Theta>
Eigen::VectorXf initial_adapter(Transformer& transformer, const Theta& theta, const peft::Adapter& layout,
                                std::uint64_t seed, std::span<const std::int32_t> tokens = {}) {
  if (const auto* lora = std::get_if<peft::Lora>(&layout)) return lora->initial(seed);
  const std::size_t n = peft::virtual_tokens(layout);
  std::vector<std::int32_t> start;
  for (std::size_t i = 0; i < n && !tokens.empty(); ++i) start.push_back(tokens[i % tokens.size()]);
  if (tokens.empty()) start = random_tokens(seed, n, transformer.config().vocab);
  const bool prefix = std::holds_alternative<peft::Prefix>(layout);
  Eigen::VectorXf values =
      prefix ? transformer.keys_and_values(theta, start) : transformer.embedded(theta, start);
  require(static_cast<std::size_t>(values.size()) == peft::size(layout),
          "adapter: its layout has {} entries; one for this model has {}", peft::size(layout), values.size());
  return values;
}

}  // namespace zofo::model
