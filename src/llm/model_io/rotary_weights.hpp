/// @file Whole weights between this library's order of rotary rows and Hugging Face's.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "zofo/checkpoint/rotary_order.hpp"
#include "zofo/model/layout.hpp"

namespace zofo::llm {

namespace detail {

/// Heads of a weight whose rows rotary positions turn in pairs (q, k and their biases); 0 for other weights.
inline std::size_t rotary_heads(const model::Config& config, std::string_view weight) {
  if (!config.rotary()) return 0;
  if (weight.ends_with(".attn_q") || weight.ends_with(".attn_q.bias")) return config.heads;
  if (weight.ends_with(".attn_k") || weight.ends_with(".attn_k.bias")) return config.kv_heads;
  return 0;
}

/// Columns of a weight as rope_order counts them: a bias has one.
inline std::size_t rotary_cols(const model::Tensor& weight) { return weight.rows == 1 ? 1 : weight.cols; }

}  // namespace detail

/// A weight of Hugging Face's order in this library's, in place; weights without rotary rows stay.
inline void to_rotary_pairs(std::span<float> values, const model::Config& config,
                            const model::Tensor& weight) {
  if (const std::size_t heads = detail::rotary_heads(config, weight.name); heads > 0)
    checkpoint::interleave_rotary(values, heads, config.head_dim, detail::rotary_cols(weight));
}

/// The inverse of to_rotary_pairs.
inline void to_rotary_halves(std::span<float> values, const model::Config& config,
                             const model::Tensor& weight) {
  if (const std::size_t heads = detail::rotary_heads(config, weight.name); heads > 0)
    checkpoint::halve_rotary(values, heads, config.head_dim, detail::rotary_cols(weight));
}

}  // namespace zofo::llm
