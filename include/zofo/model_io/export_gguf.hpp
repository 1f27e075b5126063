/// @file A backbone as a GGUF file.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "zofo/checkpoint/gguf.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/checkpoint/quantize.hpp"
#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model/rotary.hpp"
#include "zofo/model_io/gguf_config.hpp"
#include "zofo/model_io/rotary_weights.hpp"

namespace zofo::llm {

namespace detail {

/// What general.architecture calls a shape.
inline std::string gguf_architecture(const model::Config& c) {
  if (c.family == model::Family::opt) return "opt";
  return c.attention_bias ? "qwen2" : "llama";
}

inline void write_rotary_keys(checkpoint::GgufWriter& file, const std::string& prefix,
                              const model::Config& c) {
  using Kind = model::RopeScaling::Kind;
  file.unsigned_integer(prefix + "rope.dimension_count", c.head_dim);
  file.number(prefix + "rope.freq_base", c.rope_base);
  if (c.window > 0) file.unsigned_integer(prefix + "attention.sliding_window", c.window);
  if (c.rope_scaling.kind == Kind::linear) {
    file.string(prefix + "rope.scaling.type", "linear");
    file.number(prefix + "rope.scaling.factor", c.rope_scaling.factor);
  }
  if (c.rope_scaling.kind != Kind::llama3) return;
  file.number(gguf_keys::low_freq_factor, c.rope_scaling.low_freq_factor);
  file.number(gguf_keys::high_freq_factor, c.rope_scaling.high_freq_factor);
  file.unsigned_integer(gguf_keys::original_context, c.rope_scaling.original_context);
}

inline void write_gguf_keys(checkpoint::GgufWriter& file, const model::Config& c, checkpoint::GgmlType type) {
  using checkpoint::GgmlType;
  const std::string architecture = gguf_architecture(c), prefix = architecture + ".";
  file.string("general.architecture", architecture);
  // llama.cpp's enum llama_ftype.
  file.unsigned_integer("general.file_type", type == GgmlType::F32 ? 0U : type == GgmlType::Q8_0 ? 7U : 32U);
  file.unsigned_integer(prefix + "embedding_length", c.width);
  file.unsigned_integer(prefix + "block_count", c.layers);
  file.unsigned_integer(prefix + "attention.head_count", c.heads);
  file.unsigned_integer(prefix + "attention.head_count_kv", c.kv_heads);
  file.unsigned_integer(prefix + "attention.key_length", c.head_dim);
  file.unsigned_integer(prefix + "attention.value_length", c.head_dim);
  file.unsigned_integer(prefix + "feed_forward_length", c.ffn);
  file.unsigned_integer(prefix + "context_length", c.context);
  file.unsigned_integer(prefix + "vocab_size", c.vocab);
  if (c.rotary()) {
    file.number(prefix + "attention.layer_norm_rms_epsilon", c.norm_eps);
    return write_rotary_keys(file, prefix, c);
  }
  file.number(prefix + "attention.layer_norm_epsilon", c.norm_eps);
  file.boolean(gguf_keys::pre_norm, c.pre_norm);
  file.unsigned_integer(gguf_keys::embedding_width, c.embedded());
}

/// The factors that Llama 3's scaling divides frequencies by, as llama.cpp reads them.
inline std::vector<float> rope_factor_values(const model::Config& c) {
  model::Config plain = c;
  plain.rope_scaling = {};
  std::vector<float> factors(c.head_dim / 2);
  for (std::size_t j = 0; j < factors.size(); ++j)
    factors[j] = static_cast<float>(model::rotary_frequency(plain, j) / model::rotary_frequency(c, j));
  return factors;
}

/// Vectors and tables of positions stay F32, as llama.cpp's converter leaves them; so do matrices whose rows
/// Q8_0's blocks of 32 don't fill.
inline checkpoint::GgmlType stored_type(const model::Tensor& weight, checkpoint::GgmlType type) {
  using checkpoint::GgmlType;
  if (weight.rows == 1 || weight.name == "position_embd") return GgmlType::F32;
  return type == GgmlType::Q8_0 && weight.cols % 32 != 0 ? GgmlType::F32 : type;
}

}  // namespace detail

/// Writes a backbone as F32, BF16 or Q8_0, with the tokenizer that `put_tokenizer(GgufWriter&)` adds. The
/// architecture is llama, qwen2 (biases on q, k and v; their rows in Hugging Face's order, as llama.cpp has
/// them), or opt: this library's own, with Layout's names and the keys of gguf_keys. Throws Error naming the
/// file when it exists or the disk refuses.
template <class Put>
requires std::invocable<Put&, checkpoint::GgufWriter&>
void write_gguf(const std::filesystem::path& path, const model::Parameters& theta, checkpoint::GgmlType type,
                Put&& put_tokenizer) {
  using checkpoint::GgmlType;
  std::error_code ignored;
  require(!std::filesystem::exists(path, ignored), "{}: already exists: name a new file", path.string());
  const model::Config& c = theta.config();
  checkpoint::GgufWriter file;
  detail::write_gguf_keys(file, c, type);
  put_tokenizer(file);
  const bool factors = c.rope_scaling.kind == model::RopeScaling::Kind::llama3;
  if (factors)
    file.declare(detail::rope_factors, std::array<std::uint64_t, 1>{c.head_dim / 2}, GgmlType::F32);
  for (const model::Tensor& weight : theta.tensors()) {
    std::vector<std::uint64_t> shape{weight.cols};
    if (weight.rows > 1) shape.push_back(weight.rows);
    file.declare(checkpoint::gguf_name(weight.name), shape, detail::stored_type(weight, type));
  }
  const bool halves = detail::gguf_architecture(c) == "qwen2";
  file.stream(path, [&](std::size_t index) {
    if (factors && index == 0) return checkpoint::quantize(GgmlType::F32, detail::rope_factor_values(c));
    const std::size_t i = index - (factors ? 1 : 0);
    const model::Tensor& weight = theta.tensors()[i];
    std::vector<float> values(theta.data(i), theta.data(i) + weight.size());
    if (halves) to_rotary_halves(values, c, weight);
    return checkpoint::quantize(detail::stored_type(weight, type), values);
  });
}

/// The same with the tokenizer and name of the GGUF file that the backbone came from.
inline void write_gguf(const std::filesystem::path& path, const model::Parameters& theta,
                       checkpoint::GgmlType type, const checkpoint::GgufFile& tokenizer) {
  write_gguf(path, theta, type, [&](checkpoint::GgufWriter& file) {
    for (const std::string& key : tokenizer.keys())
      if (key.starts_with("tokenizer.") || key == "general.name") file.raw(key, tokenizer.raw(key));
  });
}

}  // namespace zofo::llm
