/// @file A model from a GGUF file: shape, weights in fp32, tokenizer.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "zofo/checkpoint/gguf.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/tokenize/from_gguf.hpp"

namespace zofo::tune {

/// A loaded model; `bos` is the token that every sequence starts with, if the file asks for one.
struct Model {
  model::Parameters parameters;
  tokenize::Tokenizer tokenizer;
  std::optional<std::int32_t> bos;
};

namespace detail {

inline std::uint32_t small(const checkpoint::GgufFile& file, const std::string& key) {
  const std::uint64_t value = file.unsigned_integer(key);
  require(value <= 0xFFFFFFFFU, "{}: {} = {}: too large", file.path().string(), key, value);
  return static_cast<std::uint32_t>(value);
}

inline model::Config read_config(const checkpoint::GgufFile& file) {
  const std::string architecture = file.string("general.architecture");
  require(architecture == "llama", "{}: general.architecture = '{}': only 'llama' is supported",
          file.path().string(), architecture);
  model::Config c;
  c.width = small(file, "llama.embedding_length");
  c.layers = small(file, "llama.block_count");
  c.heads = small(file, "llama.attention.head_count");
  c.kv_heads =
      file.has("llama.attention.head_count_kv") ? small(file, "llama.attention.head_count_kv") : c.heads;
  c.ffn = small(file, "llama.feed_forward_length");
  c.context = small(file, "llama.context_length");
  c.norm_eps = static_cast<float>(file.number("llama.attention.layer_norm_rms_epsilon"));
  if (file.has("llama.rope.freq_base")) c.rope_base = static_cast<float>(file.number("llama.rope.freq_base"));
  require(c.heads >= 1, "{}: llama.attention.head_count = 0: must be at least 1", file.path().string());
  c.head_dim =
      file.has("llama.attention.key_length") ? small(file, "llama.attention.key_length") : c.width / c.heads;
  require(!file.has("llama.rope.dimension_count") || small(file, "llama.rope.dimension_count") == c.head_dim,
          "{}: llama.rope.dimension_count differs from the head dimension {}: partial rotary positions are "
          "not supported",
          file.path().string(), c.head_dim);
  require(!file.has_tensor("rope_freqs.weight"),
          "{}: tensor rope_freqs.weight: scaled rotary frequencies are not supported", file.path().string());
  const auto& embedding = file.tensor("token_embd.weight");
  require(embedding.shape.size() == 2 && embedding.shape[1] <= (1U << 22U),
          "{}: token_embd.weight: must be a matrix of at most 2^22 rows", file.path().string());
  c.vocab = static_cast<std::uint32_t>(embedding.shape[1]);
  c.tied = !file.has_tensor("output.weight");
  return c;
}

// Every tensor's shape is compared before the arena is allocated: a hostile config must not ask for memory
// the file does not back.
inline void check_shapes(const checkpoint::GgufFile& file, const model::Config& c) {
  const auto expect = [&](const std::string& name, std::uint64_t rows, std::uint64_t cols) {
    const auto& info = file.tensor(name);
    const bool vector = rows == 1 && info.shape.size() == 1 && info.shape[0] == cols;
    const bool matrix = info.shape.size() == 2 && info.shape[0] == cols && info.shape[1] == rows;
    require(vector || matrix, "{}: tensor {}: its shape is not [{}, {}]", file.path().string(), name, rows,
            cols);
  };
  const std::uint64_t queries = std::uint64_t{c.heads} * c.head_dim;
  const std::uint64_t keys = std::uint64_t{c.kv_heads} * c.head_dim;
  expect("token_embd.weight", c.vocab, c.width);
  for (std::uint32_t i = 0; i < c.layers; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    expect(block + "attn_norm.weight", 1, c.width);
    expect(block + "attn_q.weight", queries, c.width);
    expect(block + "attn_k.weight", keys, c.width);
    expect(block + "attn_v.weight", keys, c.width);
    expect(block + "attn_output.weight", c.width, queries);
    expect(block + "ffn_norm.weight", 1, c.width);
    expect(block + "ffn_gate.weight", c.ffn, c.width);
    expect(block + "ffn_up.weight", c.ffn, c.width);
    expect(block + "ffn_down.weight", c.width, c.ffn);
  }
  expect("output_norm.weight", 1, c.width);
  if (!c.tied) expect("output.weight", c.vocab, c.width);
}

// A damaged file may hold NaN or infinity, which would make every later number meaningless. The exponent's
// bits are compared, and every value looked at, so that the loop vectorises.
inline void check_finite(std::span<const float> values, const std::string& place) {
  constexpr std::uint32_t exponent = 0x7F800000U;
  const auto broken = [](float value) {
    return (std::bit_cast<std::uint32_t>(value) & exponent) == exponent;
  };
  std::uint32_t any = 0;
  for (const float value : values) any |= std::uint32_t{broken(value)};
  if (any == 0) return;
  const auto at = std::ranges::find_if(values, broken);
  fail("{}: value {} = {}: must be finite", place, at - values.begin(), *at);
}

// What `read` returns; its errors name the file, which the checks of values alone don't know.
template <class Read>
auto naming(const std::filesystem::path& path, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(path.string())) throw;
    fail("{}: {}", path.string(), error.what());
  }
}

}  // namespace detail

/// The backbone of a GGUF file, dequantised to fp32. Throws Error naming the file and the tensor or key at
/// fault.
inline model::Parameters load_parameters(const checkpoint::GgufFile& file) {
  const model::Config config = detail::read_config(file);
  detail::naming(file.path(), [&] { config.check(); });
  detail::check_shapes(file, config);
  model::Parameters theta(config);
  for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
    const auto& tensor = theta.tensors()[i];
    const std::span values(theta.data(i), static_cast<std::size_t>(tensor.size()));
    file.read(tensor.name + ".weight", values);
    detail::check_finite(values, fmt::format("{}: tensor '{}.weight'", file.path().string(), tensor.name));
  }
  return theta;
}

/// The tokenizer of a GGUF file. Throws Error naming the file and the key or token at fault.
inline tokenize::Tokenizer load_tokenizer(const checkpoint::GgufFile& file) {
  return detail::naming(file.path(), [&] { return tokenize::from_gguf(file); });
}

/// Opens a GGUF file, reads weights and tokenizer, and lets the file go.
inline Model load_model(const std::filesystem::path& path) {
  const checkpoint::GgufFile file(path);
  auto tokenizer = load_tokenizer(file);
  auto parameters = load_parameters(file);
  require(tokenizer.size() <= parameters.config().vocab,
          "{}: tokenizer.ggml.tokens has {} tokens but token_embd.weight only {} rows", path.string(),
          tokenizer.size(), parameters.config().vocab);
  std::optional<std::int32_t> bos;
  if (file.has("tokenizer.ggml.add_bos_token") && file.boolean("tokenizer.ggml.add_bos_token"))
    bos = static_cast<std::int32_t>(detail::small(file, "tokenizer.ggml.bos_token_id"));
  const auto vocab = static_cast<std::int32_t>(parameters.config().vocab);
  require(!bos || (*bos >= 0 && *bos < vocab), "{}: tokenizer.ggml.bos_token_id = {}: must be in [0, {})",
          path.string(), bos.value_or(0), vocab);
  return {std::move(parameters), std::move(tokenizer), bos};
}

}  // namespace zofo::tune
