#include "gguf_rope.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/model/rotary.hpp"
#include "zofo/model_io/gguf_config.hpp"

namespace zofo::llm::detail {

namespace {

using Kind = model::RopeScaling::Kind;

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

std::vector<float> read_factors(const checkpoint::GgufFile& file, const char* tensor,
                                const model::Config& c) {
  const auto& info = file.tensor(tensor);
  require(info.elements == c.rotated() / 2,
          "{}: tensor '{}': {} values: must be {}, half the rotated entries", file.path().string(), tensor,
          info.elements, c.rotated() / 2);
  std::vector<float> factors(static_cast<std::size_t>(info.elements));
  file.read(tensor, factors);
  return factors;
}

// Llama 3's scaling from its factors: the largest is the scaling's factor. All published models (Llama 3.1,
// 3.2, 3.3) have low_freq_factor 1, high_freq_factor 4 and 8192 tokens; keys of this library override them.
void read_llama3(const GgufKeys& keys, model::Config& c) {
  const checkpoint::GgufFile& file = keys.file();
  const std::vector<float> factors = read_factors(file, rope_factors_tensor, c);
  model::RopeScaling& scaling = c.rope_scaling;
  scaling.kind = Kind::llama3;
  scaling.factor = *std::ranges::max_element(factors);
  if (file.has(gguf_keys::low_freq_factor))
    scaling.low_freq_factor = static_cast<float>(file.number(gguf_keys::low_freq_factor));
  if (file.has(gguf_keys::high_freq_factor))
    scaling.high_freq_factor = static_cast<float>(file.number(gguf_keys::high_freq_factor));
  if (file.has(gguf_keys::original_context))
    scaling.original_context = keys.exact(gguf_keys::original_context);
  scaling.check(factors.size());
  if (std::ranges::all_of(factors, [](float factor) { return factor == 1.0F; })) {
    scaling = {};
    return;
  }
  check_rope_factors(file, c, factors);
}

void read_longrope(const GgufKeys& keys, model::Config& c) {
  model::RopeScaling& scaling = c.rope_scaling;
  scaling.kind = Kind::longrope;
  scaling.short_factors = read_factors(keys.file(), short_factors_tensor, c);
  scaling.long_factors = read_factors(keys.file(), long_factors_tensor, c);
  scaling.original_context = keys.integer_or("rope.scaling.original_context_length", c.context);
  scaling.magnitude = keys.number_or("rope.scaling.attn_factor", 1.0F);
}

void read_yarn(const GgufKeys& keys, model::Config& c) {
  model::RopeScaling& scaling = c.rope_scaling;
  scaling.kind = Kind::yarn;
  scaling.original_context = keys.integer_or("rope.scaling.original_context_length", c.context);
  scaling.beta_fast = keys.number_or("rope.scaling.yarn_beta_fast", 32.0F);
  scaling.beta_slow = keys.number_or("rope.scaling.yarn_beta_slow", 1.0F);
  for (const auto& [key, only] :
       {std::pair{"rope.scaling.yarn_ext_factor", 1.0F}, std::pair{"rope.scaling.yarn_attn_factor", 1.0F},
        std::pair{"rope.scaling.yarn_log_multiplier", 0.1F}})
    require(keys.number_or(key, only) == only, "{}: {} = {}: must be {} or missing", keys.name(),
            keys.full(key), keys.number_or(key, only), only);
  scaling.magnitude =
      keys.number_or("rope.scaling.attn_factor", 1.0F) *
      static_cast<float>(1.0 + 0.1 * std::log(std::max(1.0, static_cast<double>(scaling.factor))));
}

// The factor under its present or its former name; 0, as in llama.cpp: none.
float read_factor(const GgufKeys& keys) {
  const float factor = keys.number_or("rope.scaling.factor", keys.number_or("rope.scale_linear", 0.0F));
  return factor == 0.0F ? 1.0F : factor;
}

}  // namespace

void read_gguf_rope(const GgufKeys& keys, model::Config& c) {
  const checkpoint::GgufFile& file = keys.file();
  const std::string name = keys.name();
  if (keys.has("rope.freq_base")) c.rope_base = keys.number("rope.freq_base");
  const std::uint32_t rotated = keys.integer_or("rope.dimension_count", c.head_dim);
  require(rotated >= 2 && rotated <= c.head_dim && rotated % 2 == 0,
          "{}: {} = {}: must be even, the head dimension {} at most", name, keys.full("rope.dimension_count"),
          rotated, c.head_dim);
  c.rotary_dim = rotated == c.head_dim ? 0 : rotated;
  const float factor = read_factor(keys);
  const bool listed = file.has_tensor(long_factors_tensor) || file.has_tensor(short_factors_tensor);
  const std::string type = keys.string_or("rope.scaling.type", listed           ? "longrope"
                                                               : factor != 1.0F ? "linear"
                                                                                : "none");
  require(type == "none" || type == "linear" || type == "yarn" || type == "longrope",
          "{}: {} = '{}': must be none, linear, yarn or longrope", name, keys.full("rope.scaling.type"),
          type);
  require(!listed || type == "longrope", "{}: tensor '{}' and {} = '{}': only one of them is allowed", name,
          long_factors_tensor, keys.full("rope.scaling.type"), type);
  if (type == "longrope") return read_longrope(keys, c);
  if (type != "none" && factor != 1.0F) {
    c.rope_scaling.kind = Kind::linear;
    c.rope_scaling.factor = factor;
  }
  if (type == "yarn") read_yarn(keys, c);
  if (!file.has_tensor(rope_factors_tensor)) return;
  require(c.rope_scaling.kind == Kind::none, "{}: tensor '{}' and {} = '{}': only one of them is allowed",
          name, rope_factors_tensor, keys.full("rope.scaling.type"), type);
  read_llama3(keys, c);
}

void write_gguf_rope(checkpoint::GgufWriter& file, const std::string& prefix, const model::Config& c) {
  const model::RopeScaling& scaling = c.rope_scaling;
  file.unsigned_integer(prefix + "rope.dimension_count", c.rotated());
  file.number(prefix + "rope.freq_base", c.rope_base);
  if (c.local_rope_base > 0.0F) file.number(prefix + "rope.freq_base_swa", c.local_rope_base);
  if (scaling.kind == Kind::llama3) {
    file.number(gguf_keys::low_freq_factor, scaling.low_freq_factor);
    file.number(gguf_keys::high_freq_factor, scaling.high_freq_factor);
    file.unsigned_integer(gguf_keys::original_context, scaling.original_context);
  }
  if (scaling.kind == Kind::none || scaling.kind == Kind::llama3) return;
  const char* const type = scaling.kind == Kind::linear ? "linear"
                           : scaling.kind == Kind::yarn ? "yarn"
                                                        : "longrope";
  file.string(prefix + "rope.scaling.type", type);
  if (scaling.kind != Kind::longrope) file.number(prefix + "rope.scaling.factor", scaling.factor);
  if (scaling.kind == Kind::linear) return;
  file.unsigned_integer(prefix + "rope.scaling.original_context_length", scaling.original_context);
  float magnitude = scaling.magnitude;
  if (scaling.kind == Kind::yarn) {
    require(scaling.whole_pairs, "rope_scaling: truncate = false: no GGUF key states it");
    file.number(prefix + "rope.scaling.yarn_beta_fast", scaling.beta_fast);
    file.number(prefix + "rope.scaling.yarn_beta_slow", scaling.beta_slow);
    magnitude /= static_cast<float>(1.0 + 0.1 * std::log(static_cast<double>(scaling.factor)));
  }
  file.number(prefix + "rope.scaling.attn_factor", magnitude);
}

std::vector<RopeFactors> rope_factors(const model::Config& c) {
  const model::RopeScaling& scaling = c.rope_scaling;
  if (scaling.kind == Kind::longrope)
    return {{long_factors_tensor, scaling.long_factors}, {short_factors_tensor, scaling.short_factors}};
  if (scaling.kind != Kind::llama3) return {};
  model::Config plain = c;
  plain.rope_scaling = {};
  std::vector<float> factors(c.rotated() / 2);
  for (std::size_t j = 0; j < factors.size(); ++j)
    factors[j] = static_cast<float>(model::rotary_frequency(plain, j) / model::rotary_frequency(c, j));
  return {{rope_factors_tensor, std::move(factors)}};
}

}  // namespace zofo::llm::detail
