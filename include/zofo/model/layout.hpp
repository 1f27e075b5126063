/// @file Which weights a model has and where they are stored in its arena.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "zofo/model/config.hpp"

namespace zofo::model {

/// One weight tensor; its index in Layout::tensors() is its stream of random numbers.
struct Tensor {
  std::string name;          ///< such as "blk.0.attn_q"
  std::uint64_t offset = 0;  ///< of its first weight in the arena
  std::uint32_t rows = 0;    ///< output features; 1 for a vector
  std::uint32_t cols = 0;    ///< input features
  /// Weights.
  [[nodiscard]] std::uint64_t size() const { return std::uint64_t{rows} * cols; }
};

/// A tensor's role in a block. Tensors are stored in this order, except that norms of sums follow their
/// sublayers. So the tensors that one step of the forward pass reads are neighbours, and q|k|v and gate|up
/// are one matrix each.
enum class Role : std::uint8_t {
  attn_norm,
  attn_norm_bias,
  q,
  k,
  v,
  q_bias,
  k_bias,
  v_bias,
  q_norm,
  k_norm,
  o,
  o_bias,
  attn_out_norm,
  attn_out_norm_bias,
  ffn_norm,
  ffn_norm_bias,
  gate,
  up,
  gate_bias,
  up_bias,
  down,
  down_bias,
  ffn_out_norm,
  ffn_out_norm_bias,
  count
};

/// Names, sizes and offsets of all weights of a config in the order of the forward pass; matrices are
/// row-major [out, in].
class Layout {
 public:
  /// Index of a tensor that the model does not have.
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  /// Lays out the weights. Throws Error if the config is out of range.
  explicit Layout(const Config& config) : config_(config) {
    config.check();
    add("token_embd", config.vocab, config.embedded());
    if (!config.rotary) add("position_embd", config.context + config.position_offset, config.width);
    if (config.projected()) add("project_in", config.width, config.embedding_width);
    first_layer_ = tensors_.size();
    for (std::uint32_t i = 0; i < config.layers; ++i) add_block(i);
    end_ = tensors_.size();
    if (config.final_norm()) add("output_norm", 1, config.width);
    if (config.final_norm() && config.norm == NormKind::layer) add("output_norm.bias", 1, config.width);
    if (config.projected()) add("project_out", config.embedding_width, config.width);
    if (!config.tied) add("output", config.vocab, config.embedded());
  }

  /// The model's sizes.
  [[nodiscard]] const Config& config() const { return config_; }
  /// The tensors in the order of the arena.
  [[nodiscard]] const std::vector<Tensor>& tensors() const { return tensors_; }
  /// Weights of all tensors.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// The table of embedded tokens.
  [[nodiscard]] std::size_t embedding() const { return 0; }
  /// The table of learned positions; `none` in a rotary model.
  [[nodiscard]] std::size_t positions() const { return config_.rotary ? none : 1; }
  /// The matrix from embedded tokens to hidden states; `none` if they have the same width.
  [[nodiscard]] std::size_t project_in() const { return config_.projected() ? first_layer_ - 1 : none; }
  /// The final norm's gain, followed by its bias; `none` without a final norm.
  [[nodiscard]] std::size_t output_norm() const { return config_.final_norm() ? end_ : none; }
  /// Tensors of the final norm.
  [[nodiscard]] std::size_t output_norm_count() const {
    return config_.final_norm() ? (config_.norm == NormKind::layer ? 2 : 1) : 0;
  }
  /// The matrix from hidden states to embedded tokens; `none` as above.
  [[nodiscard]] std::size_t project_out() const {
    return config_.projected() ? end_ + output_norm_count() : none;
  }
  /// The head's matrix: the embedding where tied.
  [[nodiscard]] std::size_t head() const { return config_.tied ? embedding() : tensors_.size() - 1; }
  /// First tensor of a block.
  [[nodiscard]] std::size_t layer_first(std::size_t layer) const {
    return first_layer_ + layer * layer_count_;
  }
  /// A block's tensor, counted from the block's first; `none` if the family has no such tensor.
  [[nodiscard]] std::size_t in_layer(Role role) const { return index_[static_cast<std::size_t>(role)]; }
  /// A block's tensor as an index of tensors(); `none` if the family has no such tensor.
  [[nodiscard]] std::size_t tensor(std::size_t layer, Role role) const {
    const std::size_t index = in_layer(role);
    return index == none ? none : layer_first(layer) + index;
  }

 private:
  void add(std::string name, std::uint32_t rows, std::uint32_t cols) {
    tensors_.push_back({std::move(name), size_, rows, cols});
    size_ += tensors_.back().size();
  }
  void add_block(std::uint32_t layer) {
    const Config& c = config_;
    const auto queries = static_cast<std::uint32_t>(c.query_width());
    const auto keys = static_cast<std::uint32_t>(c.key_width());
    const std::string block = "blk." + std::to_string(layer) + ".";
    const std::size_t first = tensors_.size();
    const auto put = [&](Role role, const std::string& name, std::uint32_t rows, std::uint32_t cols) {
      index_[static_cast<std::size_t>(role)] = tensors_.size() - first;
      add(block + name, rows, cols);
    };
    const auto put_norm = [&](Role gain, Role bias, const std::string& name) {
      put(gain, name, 1, c.width);
      if (c.norm == NormKind::layer) put(bias, name + ".bias", 1, c.width);
    };
    if (c.norms_inputs()) put_norm(Role::attn_norm, Role::attn_norm_bias, "attn_norm");
    put(Role::q, "attn_q", queries, c.width);
    put(Role::k, "attn_k", keys, c.width);
    put(Role::v, "attn_v", keys, c.width);
    if (c.qkv_bias) {
      put(Role::q_bias, "attn_q.bias", 1, queries);
      put(Role::k_bias, "attn_k.bias", 1, keys);
      put(Role::v_bias, "attn_v.bias", 1, keys);
    }
    if (c.qk_norm != QkNorm::none) {
      const bool heads = c.qk_norm == QkNorm::heads;
      put(Role::q_norm, "attn_q_norm", 1, heads ? c.head_dim : queries);
      put(Role::k_norm, "attn_k_norm", 1, heads ? c.head_dim : keys);
    }
    put(Role::o, "attn_output", c.width, queries);
    if (c.output_bias) put(Role::o_bias, "attn_output.bias", 1, c.width);
    if (c.norms_outputs()) put_norm(Role::attn_out_norm, Role::attn_out_norm_bias, "post_attention_norm");
    if (c.norms_sums()) put_norm(Role::attn_norm, Role::attn_norm_bias, "attn_norm");
    if (c.norms_inputs()) put_norm(Role::ffn_norm, Role::ffn_norm_bias, "ffn_norm");
    put_mlp(put);
    if (c.norms_outputs()) put_norm(Role::ffn_out_norm, Role::ffn_out_norm_bias, "post_ffw_norm");
    if (c.norms_sums()) put_norm(Role::ffn_norm, Role::ffn_norm_bias, "ffn_norm");
    layer_count_ = tensors_.size() - first;
  }
  template <class Put>
  void put_mlp(const Put& put) const {
    const Config& c = config_;
    if (c.gated()) put(Role::gate, "ffn_gate", c.ffn, c.width);
    put(Role::up, "ffn_up", c.ffn, c.width);
    if (c.mlp_bias && c.gated()) put(Role::gate_bias, "ffn_gate.bias", 1, c.ffn);
    if (c.mlp_bias) put(Role::up_bias, "ffn_up.bias", 1, c.ffn);
    put(Role::down, "ffn_down", c.width, c.ffn);
    if (c.mlp_bias) put(Role::down_bias, "ffn_down.bias", 1, c.width);
  }
  static std::array<std::size_t, static_cast<std::size_t>(Role::count)> no_tensors() {
    std::array<std::size_t, static_cast<std::size_t>(Role::count)> indices{};
    indices.fill(none);
    return indices;
  }

  Config config_;
  std::vector<Tensor> tensors_;
  std::uint64_t size_ = 0;
  std::size_t first_layer_ = 0, layer_count_ = 0, end_ = 0;
  std::array<std::size_t, static_cast<std::size_t>(Role::count)> index_ = no_tensors();
};

}  // namespace zofo::model
