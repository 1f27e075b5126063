#include "hugging_face_rope.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::llm::detail {

namespace {

using checkpoint::JsonFields;
using Kind = model::RopeScaling::Kind;

// The context of pretraining: of the whole config, of the scaling, or the model's context.
std::uint32_t original_context(const JsonFields& file, const JsonFields& rope, std::uint32_t context) {
  constexpr const char* field = "original_max_position_embeddings";
  return file.has(field) ? file.integer(field, 1) : rope.integer_or(field, context);
}

// The factor of a scaling, or the ratio of both contexts.
double factor_of(const JsonFields& rope, std::uint32_t original, std::uint32_t context) {
  return rope.number_or("factor", static_cast<double>(context) / original);
}

void read_yarn(const JsonFields& rope, std::uint32_t context, model::RopeScaling& scaling) {
  const double factor = factor_of(rope, scaling.original_context, context);
  scaling.factor = static_cast<float>(factor);
  // Python's `or`: 0 counts as missing.
  const auto number_or = [&](const char* field, double otherwise) {
    const double value = rope.number_or(field, otherwise);
    return value == 0.0 ? otherwise : value;
  };
  scaling.beta_fast = static_cast<float>(number_or("beta_fast", 32.0));
  scaling.beta_slow = static_cast<float>(number_or("beta_slow", 1.0));
  scaling.whole_pairs = rope.boolean_or("truncate", true);
  const auto scale = [&](double mscale) {
    return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
  };
  const double mscale = rope.number_or("mscale", 0.0), of_all = rope.number_or("mscale_all_dim", 0.0);
  const double magnitude = mscale != 0.0 && of_all != 0.0 ? scale(mscale) / scale(of_all) : scale(1.0);
  scaling.magnitude = static_cast<float>(rope.number_or("attention_factor", magnitude));
}

std::vector<float> read_factors(const JsonFields& rope, const char* field, std::size_t pairs) {
  const nlohmann::json& list = rope.at(field);
  const auto wanted = [&] { return fmt::format("a list of {} numbers, one for each rotated pair", pairs); };
  if (!list.is_array() || list.size() != pairs) rope.refuse(field, wanted());
  std::vector<float> factors;
  for (const nlohmann::json& each : list) {
    if (!each.is_number()) rope.refuse(field, wanted());
    factors.push_back(each.get<float>());
  }
  return factors;
}

void read_longrope(const JsonFields& rope, const model::Config& c, model::RopeScaling& scaling) {
  const std::size_t pairs = c.rotated() / 2;
  scaling.short_factors = read_factors(rope, "short_factor", pairs);
  scaling.long_factors = read_factors(rope, "long_factor", pairs);
  const double factor = factor_of(rope, scaling.original_context, c.context);
  const double magnitude =
      factor <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(factor) / std::log(scaling.original_context));
  scaling.magnitude = static_cast<float>(rope.number_or("attention_factor", magnitude));
}

model::RopeScaling read_scaling(const JsonFields& file, const JsonFields& rope, const model::Config& c) {
  model::RopeScaling scaling;
  const std::string_view field = rope.has("rope_type") ? "rope_type" : "type";  // transformers before 4.43
  std::string type = rope.has(field) ? rope.string(field) : "default";
  // Phi-3's first files.
  if (c.architecture == model::Architecture::phi3 && (type == "su" || type == "yarn")) type = "longrope";
  if (type == "default") return scaling;
  if (type == "dynamic") {
    // NTK scaling by the length of a sequence: nothing is scaled up to the model's context, the most that
    // this library evaluates. Without this check a file could mean anything by its factor.
    if (rope.number("factor") < 1.0) rope.refuse("factor", "at least 1");
    return scaling;
  }
  if (type != "linear" && type != "llama3" && type != "yarn" && type != "longrope")
    rope.refuse(field, "default, linear, dynamic, llama3, yarn or longrope");
  if (type == "linear" || type == "llama3") scaling.factor = static_cast<float>(rope.number("factor"));
  scaling.kind = type == "linear"   ? Kind::linear
                 : type == "llama3" ? Kind::llama3
                 : type == "yarn"   ? Kind::yarn
                                    : Kind::longrope;
  if (type == "linear") return scaling;
  scaling.original_context = original_context(file, rope, c.context);
  if (type == "llama3") {
    scaling.low_freq_factor = static_cast<float>(rope.number("low_freq_factor"));
    scaling.high_freq_factor = static_cast<float>(rope.number("high_freq_factor"));
  } else if (type == "yarn") {
    read_yarn(rope, c.context, scaling);
  } else {
    read_longrope(rope, c, scaling);
  }
  return scaling;
}

// The entries of a head that are rotated. Classes that do not read the field would pass it over.
void read_partial(const JsonFields& fields, const RopeDefaults& defaults, model::Config& c) {
  constexpr const char* field = "partial_rotary_factor";
  if (!fields.has(field)) return;
  const double share = fields.number(field);
  if (!defaults.partial && share != 1.0) fields.refuse(field, "1.0 (or missing)");
  const auto rotated = static_cast<std::int64_t>(share * c.head_dim);  // as Python's int()
  if (!(share > 0.0 && share <= 1.0) || rotated < 2 || rotated % 2 != 0)
    fields.refuse(field, fmt::format("an even number of a head's {} entries", c.head_dim));
  c.rotary_dim = rotated == c.head_dim ? 0 : static_cast<std::uint32_t>(rotated);
}

// The parameters of both kinds of layers, which transformers 5 writes by their names.
void read_layer_rope(const JsonFields& file, const RopeDefaults& defaults, model::Config& c) {
  double base = file.number_or("rope_theta", defaults.base);
  double local = file.number_or("rope_local_base_freq", defaults.local);
  if (file.has("rope_parameters")) {
    const JsonFields both = file.fields("rope_parameters");
    for (const auto& [name, value] : both.object().items())
      if (name != "full_attention" && name != "sliding_attention") both.refuse(name, "missing");
    if (both.has("full_attention")) {
      const JsonFields rope = both.fields("full_attention");
      base = rope.number_or("rope_theta", base);
      read_partial(rope, defaults, c);
      c.rope_scaling = read_scaling(file, rope, c);
    }
    if (both.has("sliding_attention")) {
      const JsonFields rope = both.fields("sliding_attention");
      local = rope.number_or("rope_theta", local);
      read_partial(rope, defaults, c);
      for (const char* field : {"rope_type", "type"})
        if (rope.has(field) && rope.string(field) != "default") rope.refuse(field, "default");
    }
  } else if (file.has("rope_scaling")) {
    c.rope_scaling = read_scaling(file, file.fields("rope_scaling"), c);
  }
  c.rope_base = static_cast<float>(base);
  c.local_rope_base = static_cast<float>(local);
}

}  // namespace

void read_rope(const JsonFields& file, const RopeDefaults& defaults, model::Config& c) {
  require(!(file.has("rope_parameters") && file.has("rope_scaling")),
          "{}: rope_scaling and rope_parameters: only one of them is allowed", file.location());
  read_partial(file, defaults, c);
  if (defaults.by_layer) return read_layer_rope(file, defaults, c);
  double base = file.number_or("rope_theta", defaults.base);
  for (const char* field : {"rope_parameters", "rope_scaling"}) {
    if (!file.has(field)) continue;
    const JsonFields rope = file.fields(field);
    base = rope.number_or("rope_theta", base);
    read_partial(rope, defaults, c);
    c.rope_scaling = read_scaling(file, rope, c);
  }
  c.rope_base = static_cast<float>(base);
}

namespace {

nlohmann::json scaling_json(const model::RopeScaling& scaling) {
  using checkpoint::shortest;
  if (scaling.kind == Kind::none) return nullptr;
  if (scaling.kind == Kind::linear)
    return {{"type", "linear"}, {"rope_type", "linear"}, {"factor", shortest(scaling.factor)}};
  nlohmann::json json = {{"original_max_position_embeddings", scaling.original_context}};
  if (scaling.kind == Kind::llama3) {
    json["rope_type"] = "llama3";
    json["factor"] = shortest(scaling.factor);
    json["low_freq_factor"] = shortest(scaling.low_freq_factor);
    json["high_freq_factor"] = shortest(scaling.high_freq_factor);
    return json;
  }
  json["attention_factor"] = shortest(scaling.magnitude);
  if (scaling.kind == Kind::yarn) {
    json["rope_type"] = "yarn";
    json["factor"] = shortest(scaling.factor);
    json["beta_fast"] = shortest(scaling.beta_fast);
    json["beta_slow"] = shortest(scaling.beta_slow);
    if (!scaling.whole_pairs) json["truncate"] = false;
    return json;
  }
  json["rope_type"] = json["type"] = "longrope";
  for (const float factor : scaling.short_factors) json["short_factor"].push_back(shortest(factor));
  for (const float factor : scaling.long_factors) json["long_factor"].push_back(shortest(factor));
  return json;
}

}  // namespace

nlohmann::json rope_json(const model::Config& c) {
  nlohmann::json json = {{"rope_theta", checkpoint::shortest(c.rope_base)},
                         {"rope_scaling", scaling_json(c.rope_scaling)}};
  if (c.local_rope_base > 0.0F) json["rope_local_base_freq"] = checkpoint::shortest(c.local_rope_base);
  if (c.rotary_dim > 0) json["partial_rotary_factor"] = static_cast<double>(c.rotary_dim) / c.head_dim;
  if (c.architecture == model::Architecture::phi3)
    json["original_max_position_embeddings"] =
        c.rope_scaling.kind == Kind::longrope ? c.rope_scaling.original_context : c.context;
  return json;
}

}  // namespace zofo::llm::detail
