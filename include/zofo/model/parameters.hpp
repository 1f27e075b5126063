/// @file The backbone θ: every weight of the model in one fp32 arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/model/config.hpp"

namespace zofo::model {

/// The backbone's weights, row-major [out, in] a matrix, all in one arena in the order of the forward pass,
/// so that the tensors of a layer are neighbours (q|k|v and gate|up are one matrix each) and a layer is one
/// range. Moves; `clone` copies and says so.
class Parameters {
 public:
  /// One weight: its place in the arena and its size; its index is its stream of random numbers.
  struct Tensor {
    std::string name;
    std::uint64_t offset = 0;
    std::uint32_t rows = 0;
    std::uint32_t cols = 0;
    [[nodiscard]] std::uint64_t size() const { return std::uint64_t{rows} * cols; }
  };

  /// Tensors of a layer, as offsets from `layer_first`.
  enum LayerTensor : std::size_t { attn_norm, q, k, v, o, ffn_norm, gate, up, down, tensors_of_a_layer };

  /// Zero weights of the config's shape. Throws Error if the config is out of range.
  explicit Parameters(const Config& config) : config_(config) {
    config.check();
    const std::uint32_t queries = config.heads * config.head_dim;
    const std::uint32_t keys = config.kv_heads * config.head_dim;
    add("token_embd", config.vocab, config.width);
    for (std::uint32_t i = 0; i < config.layers; ++i) {
      const std::string block = "blk." + std::to_string(i) + ".";
      add(block + "attn_norm", 1, config.width);
      add(block + "attn_q", queries, config.width);
      add(block + "attn_k", keys, config.width);
      add(block + "attn_v", keys, config.width);
      add(block + "attn_output", config.width, queries);
      add(block + "ffn_norm", 1, config.width);
      add(block + "ffn_gate", config.ffn, config.width);
      add(block + "ffn_up", config.ffn, config.width);
      add(block + "ffn_down", config.width, config.ffn);
    }
    add("output_norm", 1, config.width);
    if (!config.tied) add("output", config.vocab, config.width);
    values_.resize(size_);
  }

  Parameters(Parameters&&) noexcept = default;
  Parameters& operator=(Parameters&&) noexcept = default;
  Parameters& operator=(const Parameters&) = delete;
  ~Parameters() = default;

  /// A copy of every weight.
  [[nodiscard]] Parameters clone() const { return Parameters(*this); }

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] std::span<float> values() { return values_; }
  [[nodiscard]] std::span<const float> values() const { return values_; }
  [[nodiscard]] const std::vector<Tensor>& tensors() const { return tensors_; }
  [[nodiscard]] float* data(std::size_t tensor) { return values_.data() + tensors_[tensor].offset; }
  [[nodiscard]] const float* data(std::size_t tensor) const {
    return values_.data() + tensors_[tensor].offset;
  }

  [[nodiscard]] static std::size_t embedding() { return 0; }
  [[nodiscard]] static std::size_t layer_first(std::size_t layer) { return 1 + layer * tensors_of_a_layer; }
  [[nodiscard]] std::size_t output_norm() const { return layer_first(config_.layers); }
  /// The head's matrix: the embedding where tied.
  [[nodiscard]] std::size_t head() const { return config_.tied ? embedding() : output_norm() + 1; }

 private:
  Parameters(const Parameters&) = default;

  void add(std::string name, std::uint32_t rows, std::uint32_t cols) {
    tensors_.push_back({std::move(name), size_, rows, cols});
    size_ += tensors_.back().size();
  }

  Config config_;
  std::vector<Tensor> tensors_;
  std::uint64_t size_ = 0;
  std::vector<float> values_;
};

/// Calls f(stream, data, size) for every weight (core/vector_space's customisation point).
template <class Function>
void for_each_tensor(Parameters& theta, Function&& f) {
  for (std::size_t i = 0; i < theta.tensors().size(); ++i)
    f(static_cast<std::uint32_t>(i), theta.data(i), static_cast<std::size_t>(theta.tensors()[i].size()));
}
template <class Function>
void for_each_tensor(const Parameters& theta, Function&& f) {
  for (std::size_t i = 0; i < theta.tensors().size(); ++i)
    f(static_cast<std::uint32_t>(i), theta.data(i), static_cast<std::size_t>(theta.tensors()[i].size()));
}
/// Calls f(stream, data, rows, cols, row_stride, col_stride) for every weight; norms are 1 x width.
template <class Function>
void for_each_matrix(Parameters& theta, Function&& f) {
  for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
    const Parameters::Tensor& t = theta.tensors()[i];
    f(static_cast<std::uint32_t>(i), theta.data(i), std::size_t{t.rows}, std::size_t{t.cols},
      std::size_t{t.cols}, std::size_t{1});
  }
}
template <class Function>
void for_each_matrix(const Parameters& theta, Function&& f) {
  for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
    const Parameters::Tensor& t = theta.tensors()[i];
    f(static_cast<std::uint32_t>(i), theta.data(i), std::size_t{t.rows}, std::size_t{t.cols},
      std::size_t{t.cols}, std::size_t{1});
  }
}

}  // namespace zofo::model
