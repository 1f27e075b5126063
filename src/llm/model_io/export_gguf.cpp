#include "zofo/model_io/export_gguf.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "rotary_weights.hpp"
#include "zofo/checkpoint/quantize.hpp"
#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model/rotary.hpp"
#include "zofo/model_io/gguf_config.hpp"

namespace zofo::llm {

std::string gguf_architecture(const model::Config& c) {
  if (c.family == model::Family::opt) return "opt";
  return c.attention_bias ? "qwen2" : "llama";
}

namespace {

void write_rotary_keys(checkpoint::GgufWriter& file, const std::string& prefix, const model::Config& c) {
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

void write_gguf_keys(checkpoint::GgufWriter& file, const model::Config& c, GgufFileType type) {
  const std::string architecture = gguf_architecture(c), prefix = architecture + ".";
  file.string("general.architecture", architecture);
  file.unsigned_integer("general.file_type", info(type).number);
  if (checkpoint::find_format(info(type).type)->quantised())
    file.unsigned_integer("general.quantization_version", 2);  // of the blocks' layouts (ggml.h)
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

// The factors by which Llama 3's scaling divides the frequencies, as llama.cpp reads them.
std::vector<float> rope_factor_values(const model::Config& c) {
  model::Config plain = c;
  plain.rope_scaling = {};
  std::vector<float> factors(c.head_dim / 2);
  for (std::size_t j = 0; j < factors.size(); ++j)
    factors[j] = static_cast<float>(model::rotary_frequency(plain, j) / model::rotary_frequency(c, j));
  return factors;
}

// Throws Error naming the weight that has a value which its type cannot store.
std::vector<std::byte> stored(const model::Tensor& weight, checkpoint::GgmlType type,
                              std::span<const float> values) {
  try {
    return checkpoint::quantize(type, values);
  } catch (const Error& error) {
    fail("weight '{}': {}", weight.name, error.what());
  }
}

}  // namespace

void write_gguf(const std::filesystem::path& path, const model::Parameters& theta, GgufFileType type,
                const std::function<void(checkpoint::GgufWriter&)>& put_tokenizer) {
  using checkpoint::GgmlType;
  std::error_code ignored;
  require(!std::filesystem::exists(path, ignored), "{}: already exists: name a new file", path.string());
  const model::Config& c = theta.config();
  checkpoint::GgufWriter file;
  write_gguf_keys(file, c, type);
  put_tokenizer(file);
  const bool factors = c.rope_scaling.kind == model::RopeScaling::Kind::llama3;
  if (factors) file.declare(rope_factors_tensor, std::array<std::uint64_t, 1>{c.head_dim / 2}, GgmlType::F32);
  for (const model::Tensor& weight : theta.tensors()) {
    std::vector<std::uint64_t> shape{weight.cols};
    if (weight.rows > 1) shape.push_back(weight.rows);
    file.declare(checkpoint::gguf_name(weight.name), shape, stored_type(type, c, weight));
  }
  const bool halves = gguf_architecture(c) == "qwen2";
  file.stream(path, [&](std::size_t index) {
    if (factors && index == 0) return checkpoint::quantize(GgmlType::F32, rope_factor_values(c));
    const std::size_t i = index - (factors ? 1 : 0);
    const model::Tensor& weight = theta.tensors()[i];
    std::vector<float> values(theta.data(i), theta.data(i) + weight.size());
    if (halves) to_rotary_halves(values, c, weight);
    return stored(weight, stored_type(type, c, weight), values);
  });
}

void write_gguf(const std::filesystem::path& path, const model::Parameters& theta, GgufFileType type,
                const checkpoint::GgufFile& tokenizer) {
  write_gguf(path, theta, type, [&](checkpoint::GgufWriter& file) {
    for (const std::string& key : tokenizer.keys())
      if (key.starts_with("tokenizer.") || key == "general.name") file.raw(key, tokenizer.raw(key));
  });
}

}  // namespace zofo::llm
