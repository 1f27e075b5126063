#include "rotary_weights.hpp"

#include <cstddef>
#include <string_view>

#include "zofo/checkpoint/rotary_order.hpp"

namespace zofo::llm {

namespace {

// Heads of a weight whose rows rotary positions rotate in pairs (q and k, their biases, the gains of their
// norms); 0 for other weights.
std::size_t rotary_heads(const model::Config& config, std::string_view weight) {
  if (!config.rotary) return 0;
  const bool one = config.qk_norm == model::QkNorm::heads;  // one gain for all heads
  if (weight.ends_with(".attn_q") || weight.ends_with(".attn_q.bias")) return config.heads;
  if (weight.ends_with(".attn_k") || weight.ends_with(".attn_k.bias")) return config.kv_heads;
  if (weight.ends_with(".attn_q_norm")) return one ? 1 : config.heads;
  if (weight.ends_with(".attn_k_norm")) return one ? 1 : config.kv_heads;
  return 0;
}

// Columns of a weight in the functions of rotary_order.hpp, where a bias has one column.
std::size_t rotary_cols(const model::Tensor& weight) { return weight.rows == 1 ? 1 : weight.cols; }

checkpoint::RotaryRows rotary_rows(const model::Config& config, std::size_t heads) {
  return {heads, config.head_dim, config.rotated()};
}

}  // namespace

void to_rotary_pairs(std::span<float> values, const model::Config& config, const model::Tensor& weight) {
  if (const std::size_t heads = rotary_heads(config, weight.name); heads > 0)
    checkpoint::interleave_rotary(values, rotary_rows(config, heads), rotary_cols(weight));
}

void to_rotary_halves(std::span<float> values, const model::Config& config, const model::Tensor& weight) {
  if (const std::size_t heads = rotary_heads(config, weight.name); heads > 0)
    checkpoint::halve_rotary(values, rotary_rows(config, heads), rotary_cols(weight));
}

void add_gain_offset(std::span<float> values, const model::Config& config, const model::Tensor& weight,
                     float sign) {
  if (config.gain_offset == 0.0F || !weight.name.ends_with("norm")) return;
  for (float& value : values) value += sign * config.gain_offset;
}

}  // namespace zofo::llm
