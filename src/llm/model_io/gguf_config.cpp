#include "zofo/model_io/gguf_config.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/model/rotary.hpp"

namespace zofo::llm {

namespace {

// The metadata of one architecture: `key` stands for `ARCHITECTURE.key`.
class GgufKeys {
 public:
  GgufKeys(const checkpoint::GgufFile& file, std::string architecture)
      : file_(file), architecture_(std::move(architecture)) {}

  [[nodiscard]] std::string full(const std::string& key) const { return architecture_ + "." + key; }
  [[nodiscard]] bool has(const std::string& key) const { return file_.has(full(key)); }
  [[nodiscard]] std::uint32_t integer(const std::string& key) const { return exact(full(key)); }
  [[nodiscard]] std::uint32_t integer_or(const std::string& key, std::uint32_t otherwise) const {
    return has(key) ? integer(key) : otherwise;
  }
  [[nodiscard]] float number(const std::string& key) const {
    return static_cast<float>(file_.number(full(key)));
  }
  [[nodiscard]] std::uint32_t exact(const std::string& key) const {
    const std::uint64_t value = file_.unsigned_integer(key);
    require(value <= 0xFFFFFFFFU, "{}: {} = {}: too large", file_.path().string(), key, value);
    return static_cast<std::uint32_t>(value);
  }
  [[nodiscard]] const checkpoint::GgufFile& file() const { return file_; }

 private:
  const checkpoint::GgufFile& file_;
  std::string architecture_;
};

// Throws Error unless the file's factors are those of the config's scaling, up to float rounding.
void check_rope_factors(const checkpoint::GgufFile& file, const model::Config& scaled,
                        const std::vector<float>& factors) {
  model::Config plain = scaled;
  plain.rope_scaling = {};
  for (std::size_t j = 0; j < factors.size(); ++j) {
    const double wanted = model::rotary_frequency(plain, j) / model::rotary_frequency(scaled, j);
    require(
        std::abs(static_cast<double>(factors[j]) - wanted) <= 1e-5 * wanted,
        "{}: tensor '{}': value {} = {}: must be {}, that of Llama 3's scaling by {} from a context of {} "
        "(low_freq_factor {}, high_freq_factor {}); other scalings are not supported",
        file.path().string(), rope_factors_tensor, j, factors[j], wanted, scaled.rope_scaling.factor,
        scaled.rope_scaling.original_context, scaled.rope_scaling.low_freq_factor,
        scaled.rope_scaling.high_freq_factor);
  }
}

// Llama 3's scaling from its factors: the largest is the scaling's factor. All published models (Llama 3.1,
// 3.2, 3.3) have low_freq_factor 1, high_freq_factor 4 and 8192 tokens; keys of this library override them.
void read_rope_factors(const GgufKeys& keys, model::Config& c) {
  const checkpoint::GgufFile& file = keys.file();
  const auto& info = file.tensor(rope_factors_tensor);
  require(info.elements == c.head_dim / 2, "{}: tensor '{}': {} values: must be {}, half the head dimension",
          file.path().string(), rope_factors_tensor, info.elements, c.head_dim / 2);
  std::vector<float> factors(static_cast<std::size_t>(info.elements));
  file.read(rope_factors_tensor, factors);
  model::RopeScaling& scaling = c.rope_scaling;
  scaling.kind = model::RopeScaling::Kind::llama3;
  scaling.factor = *std::ranges::max_element(factors);
  if (file.has(gguf_keys::low_freq_factor))
    scaling.low_freq_factor = static_cast<float>(file.number(gguf_keys::low_freq_factor));
  if (file.has(gguf_keys::high_freq_factor))
    scaling.high_freq_factor = static_cast<float>(file.number(gguf_keys::high_freq_factor));
  if (file.has(gguf_keys::original_context))
    scaling.original_context = keys.exact(gguf_keys::original_context);
  scaling.check();
  check_rope_factors(file, c, factors);
}

void read_rotary(const GgufKeys& keys, model::Config& c) {
  const checkpoint::GgufFile& file = keys.file();
  const std::string name = file.path().string();
  if (keys.has("rope.freq_base")) c.rope_base = keys.number("rope.freq_base");
  require(keys.integer_or("rope.dimension_count", c.head_dim) == c.head_dim,
          "{}: {} differs from the head dimension {}: partial rotary positions are not supported", name,
          keys.full("rope.dimension_count"), c.head_dim);
  const std::string type =
      keys.has("rope.scaling.type") ? file.string(keys.full("rope.scaling.type")) : "none";
  require(type == "none" || type == "linear", "{}: {} = '{}': must be none or linear", name,
          keys.full("rope.scaling.type"), type);
  if (type == "linear") {
    c.rope_scaling.kind = model::RopeScaling::Kind::linear;
    c.rope_scaling.factor = keys.number("rope.scaling.factor");
  }
  if (!file.has_tensor(rope_factors_tensor)) return;
  require(type == "none", "{}: tensor '{}' and {} = '{}': only one of them is allowed", name,
          rope_factors_tensor, keys.full("rope.scaling.type"), type);
  read_rope_factors(keys, c);
}

void read_vocabulary(const checkpoint::GgufFile& file, model::Config& c) {
  const auto& embedding = file.tensor("token_embd.weight");
  require(embedding.shape.size() == 2 && embedding.shape[1] <= (1U << 22U),
          "{}: token_embd.weight: must be a matrix of at most 2^22 rows", file.path().string());
  c.vocab = static_cast<std::uint32_t>(embedding.shape[1]);
  c.tied = !file.has_tensor("output.weight");
}

void read_opt_keys(const GgufKeys& keys, model::Config& c) {
  c.family = model::Family::opt;
  c.norm_eps = keys.number("attention.layer_norm_epsilon");
  c.pre_norm = keys.file().boolean(gguf_keys::pre_norm);
  const std::uint32_t embedded = keys.exact(gguf_keys::embedding_width);
  c.embedding_width = embedded == c.width ? 0 : embedded;
}

void read_llama_keys(const GgufKeys& keys, model::Config& c) {
  c.norm_eps = keys.number("attention.layer_norm_rms_epsilon");
  c.attention_bias = keys.file().has_tensor("blk.0.attn_q.bias");
  read_rotary(keys, c);
  const std::uint32_t window = keys.integer_or("attention.sliding_window", 0);
  c.window = window < c.context ? window : 0;  // a window of the context or longer masks nothing
}

}  // namespace

model::Config read_gguf_config(const checkpoint::GgufFile& file) {
  const std::string name = file.path().string();
  const std::string architecture = file.string("general.architecture");
  require(architecture == "llama" || architecture == "qwen2" || architecture == "opt",
          "{}: general.architecture = '{}': must be llama, qwen2 or opt", name, architecture);
  const GgufKeys keys(file, architecture);
  model::Config c;
  c.width = keys.integer("embedding_length");
  c.layers = keys.integer("block_count");
  c.heads = keys.integer("attention.head_count");
  c.kv_heads = keys.integer_or("attention.head_count_kv", c.heads);
  c.ffn = keys.integer("feed_forward_length");
  c.context = keys.integer("context_length");
  require(c.heads >= 1, "{}: {} = 0: must be at least 1", name, keys.full("attention.head_count"));
  c.head_dim = keys.integer_or("attention.key_length", c.width / c.heads);
  require(keys.integer_or("attention.value_length", c.head_dim) == c.head_dim,
          "{}: {} differs from the keys' {}: not supported", name, keys.full("attention.value_length"),
          c.head_dim);
  read_vocabulary(file, c);
  if (architecture == "opt")
    read_opt_keys(keys, c);
  else
    read_llama_keys(keys, c);
  return c;
}

}  // namespace zofo::llm
