#include "zofo/run/fingerprint.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/hash.hpp"

namespace zofo::llm {

std::string hash_of(const model::Parameters& theta) {
  return zofo::hash_text(zofo::Hash64().update(theta.values()).value());
}

std::string hash_of(const Eigen::VectorXf& x) {
  const std::span<const float> values(x.data(), static_cast<std::size_t>(x.size()));
  return zofo::hash_text(zofo::Hash64().update(values).value());
}

namespace {

// Appends what models of the first versions of this library do not have, so that their fingerprints stay the
// same.
void append_parts(const model::Config& c, nlohmann::json& shape) {
  model::Config plain = c.norm == model::NormKind::layer ? model::opt_parts() : model::Config();
  const auto parts = [](const model::Config& of) {
    const model::RopeScaling& s = of.rope_scaling;
    nlohmann::json list = {static_cast<int>(of.activation),
                           of.output_bias,
                           of.mlp_bias,
                           static_cast<int>(of.qk_norm),
                           of.gain_offset,
                           of.position_offset,
                           of.rotary_dim,
                           of.local_rope_base,
                           of.embedding_scale,
                           of.scales_prompts,
                           of.residual_scale,
                           of.attention_scale,
                           of.attention_cap,
                           of.logit_scale,
                           of.logit_cap,
                           of.norms_inputs(),
                           of.norms_outputs(),
                           s.beta_fast,
                           s.beta_slow,
                           s.whole_pairs,
                           s.magnitude,
                           s.short_factors,
                           s.long_factors};
    for (const model::LayerKind& kind : of.kinds)
      list.push_back({kind.windowed, static_cast<int>(kind.rope)});
    return list;
  };
  if (c.norms_sums()) plain.placement = c.placement;
  const nlohmann::json list = parts(c);
  if (list != parts(plain)) shape.push_back(list);
}

}  // namespace

std::string hash_of_model(const model::Parameters& theta) {
  const model::Config& c = theta.config();
  const bool opt = c.norm == model::NormKind::layer;
  nlohmann::json shape = {opt ? 1 : 0,
                          c.vocab,
                          c.width,
                          c.layers,
                          c.heads,
                          c.kv_heads,
                          c.head_dim,
                          c.ffn,
                          c.context,
                          c.rope_base,
                          c.norm_eps,
                          c.tied,
                          c.qkv_bias && !opt,
                          !c.norms_sums(),
                          c.embedding_width,
                          c.window,
                          static_cast<int>(c.rope_scaling.kind),
                          c.rope_scaling.factor,
                          c.rope_scaling.low_freq_factor,
                          c.rope_scaling.high_freq_factor,
                          c.rope_scaling.original_context};
  append_parts(c, shape);
  shape.push_back(hash_of(theta));
  return zofo::hash_text(zofo::Hash64().update(shape.dump()).value());
}

namespace {

void hash_tokens(zofo::Hash64& hash, const Tokens& tokens) {
  const std::uint64_t size[] = {tokens.size()};
  hash.update(std::span<const std::uint64_t>(size)).update(std::span<const std::int32_t>(tokens));
}
void hash_options(zofo::Hash64& hash, const OptionTokens& options) {
  const std::uint64_t form[] = {options.options.size(), options.contexts.size(),
                                static_cast<std::uint64_t>(options.score),
                                static_cast<std::uint64_t>(options.loss)};
  hash.update(std::span<const std::uint64_t>(form));
  for (const auto* list : {&options.options, &options.contexts})
    for (const Tokens& tokens : *list) hash_tokens(hash, tokens);
  hash.update(std::span<const std::uint32_t>(options.positions));
}

}  // namespace

std::string hash_of_examples(std::span<const EncodedExample> rows) {
  zofo::Hash64 hash;
  for (const EncodedExample& row : rows) {
    const std::uint64_t label[] = {static_cast<std::uint64_t>(row.label)};
    hash.update(std::span<const std::uint64_t>(label));
    hash_tokens(hash, row.prompt);
    hash_options(hash, *row.options);
    const double weight[] = {row.weight};
    if (row.weight != 1.0) hash.update(std::span<const double>(weight));
  }
  return zofo::hash_text(hash.value());
}

void check_fingerprint(const nlohmann::json& saved, const nlohmann::json& given) {
  for (const auto& [field, value] : given.items())
    require(saved.contains(field) && saved.at(field) == value,
            "{}: fingerprint {}: the run was started with {}: it can only be resumed with the same", field,
            value.get<std::string>(), saved.contains(field) ? saved.at(field).dump() : "none");
}

}  // namespace zofo::llm
