/// @file Tiny models of tests/golden/llama.json, opt.json and families.json; their weights come from the
/// formula that tests/golden/generators/llama_numpy.py documents.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zofo/model/transformer.hpp"

namespace zofo::model::golden {

/// The file lies beside this header's folder, so tests find it from any working directory.
inline nlohmann::json load(const std::string& name) {
  const auto path = std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden" / name;
  std::ifstream file(path);
  require(file.is_open(), "{}: cannot be opened", path.string());
  return nlohmann::json::parse(file);
}

/// In [−1, 1), a multiple of 2^−15: no language rounds it.
inline float formula(std::uint64_t stream, std::uint64_t i) {
  std::uint64_t x = (stream << 32U) + i + 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  x ^= x >> 31U;
  return (static_cast<float>(x >> 48U) - 32768.0F) / 32768.0F;
}

inline RopeScaling rope_scaling(const nlohmann::json& j) {
  RopeScaling s;
  if (j.at("kind") == "none") return s;
  using Kind = RopeScaling::Kind;
  for (const auto& [name, kind] : {std::pair{"linear", Kind::linear}, std::pair{"llama3", Kind::llama3},
                                   std::pair{"yarn", Kind::yarn}, std::pair{"longrope", Kind::longrope}})
    if (j.at("kind") == name) s.kind = kind;
  s.factor = j.at("factor");
  s.low_freq_factor = j.value("low_freq_factor", s.low_freq_factor);
  s.high_freq_factor = j.value("high_freq_factor", s.high_freq_factor);
  s.original_context = j.value("original_context", s.original_context);
  s.beta_fast = j.value("beta_fast", s.beta_fast);
  s.beta_slow = j.value("beta_slow", s.beta_slow);
  s.magnitude = j.value("magnitude", s.magnitude);
  s.short_factors = j.value("short_factors", s.short_factors);
  s.long_factors = j.value("long_factors", s.long_factors);
  return s;
}

/// The parts of a block that models like LLaMA and OPT do not have.
inline void read_parts(const nlohmann::json& j, Config& c) {
  const std::string placement = j.value("placement", j.value("pre_norm", true) ? "before" : "after_sum");
  c.placement = placement == "before"   ? NormPlacement::before
                : placement == "after"  ? NormPlacement::after
                : placement == "around" ? NormPlacement::around
                                        : NormPlacement::after_sum;
  c.gain_offset = j.value("gain_offset", 0.0F);
  if (j.contains("qk_norm")) c.qk_norm = j.at("qk_norm") == "heads" ? QkNorm::heads : QkNorm::rows;
  if (j.value("activation", "") == "geglu") c.activation = MlpActivation::geglu;
  c.rotary_dim = j.value("rotary_dim", 0U);
  c.local_rope_base = j.value("local_rope_base", 0.0F);
  c.embedding_scale = j.value("embedding_scale", 1.0F);
  c.scales_prompts = j.value("scales_prompts", false);
  c.residual_scale = j.value("residual_scale", 1.0F);
  c.attention_scale = j.value("attention_scale", 0.0F);
  c.attention_cap = j.value("attention_cap", 0.0F);
  c.logit_scale = j.value("logit_scale", 1.0F);
  c.logit_cap = j.value("logit_cap", 0.0F);
  if (!j.contains("windowed") && !j.contains("ropes")) return;
  c.kinds.resize(c.layers);
  for (std::size_t l = 0; l < c.layers; ++l) {
    if (j.contains("windowed")) c.kinds[l].windowed = j.at("windowed")[l];
    const std::string rope = j.contains("ropes") ? j.at("ropes")[l].get<std::string>() : "global";
    c.kinds[l].rope = rope == "none"    ? LayerRope::none
                      : rope == "local" ? LayerRope::local
                                        : LayerRope::global;
  }
}

inline Config config(const nlohmann::json& j) {
  Config c = j.value("family", "llama") == "opt" ? opt_parts() : Config();
  c.vocab = j.at("vocab");
  c.width = j.at("width");
  c.layers = j.at("layers");
  c.heads = j.at("heads");
  c.kv_heads = j.at("kv_heads");
  c.head_dim = j.at("head_dim");
  c.ffn = j.at("ffn");
  c.context = j.at("context");
  if (c.rotary) c.rope_base = j.at("rope_base");
  c.norm_eps = j.at("norm_eps");
  c.tied = j.at("tied");
  c.qkv_bias = c.qkv_bias || j.value("attention_bias", false);
  c.output_bias = c.output_bias || j.value("output_bias", false);
  c.mlp_bias = c.mlp_bias || j.value("mlp_bias", false);
  c.embedding_width = j.value("embedding_width", 0U);
  c.window = j.value("window", 0U);
  if (j.contains("rope_scaling")) c.rope_scaling = rope_scaling(j.at("rope_scaling"));
  read_parts(j, c);
  return c;
}

inline Parameters parameters(const Config& c) {
  Parameters theta(c);
  for (std::size_t s = 0; s < theta.tensors().size(); ++s) {
    const auto& tensor = theta.tensors()[s];
    for (std::uint64_t i = 0; i < tensor.size(); ++i) {
      const float u = formula(s, i);
      theta.data(s)[i] = tensor.name.ends_with("norm")   ? 1.0F - c.gain_offset + u / 4
                         : tensor.name.ends_with("bias") ? u / 4
                         : tensor.name.ends_with("embd") ? u
                                                         : u / 2;
    }
  }
  return theta;
}

inline Eigen::VectorXf adapter(std::uint64_t index, std::size_t size) {
  Eigen::VectorXf x(static_cast<Eigen::Index>(size));
  for (std::size_t i = 0; i < size; ++i) x[static_cast<Eigen::Index>(i)] = formula(1000 + index, i) / 4;
  return x;
}

/// Matrices times √(16 / width), so that wide models' activations stay moderate.
inline Parameters scaled(Parameters theta, std::uint32_t width) {
  for (std::size_t s = 0; s < theta.tensors().size(); ++s)
    if (theta.tensors()[s].rows > 1 && !theta.tensors()[s].name.ends_with("embd"))
      for (std::uint64_t i = 0; i < theta.tensors()[s].size(); ++i)
        theta.data(s)[i] *= std::sqrt(16.0F / static_cast<float>(width));
  return theta;
}

/// A case's name, which begins with its family where that is not LLaMA.
inline std::string case_name(const nlohmann::json& j) {
  const std::string name = j.at("name");
  return config(j.at("config")).architecture == Architecture::opt ? "opt, " + name : name;
}

/// A model, its adapters and a batch, with what NumPy or PyTorch says of them.
struct Case {
  explicit Case(const nlohmann::json& j)
      : name(case_name(j)),
        shape(config(j.at("config"))),
        lora(shape, {j.at("lora").at("rank"), j.at("lora").at("alpha"), j.at("lora").at("targets")}),
        theta(parameters(shape)),
        log_probabilities(j.at("log_probabilities")),
        loss(j.at("loss")),
        gradients(j.value("gradients", std::vector<std::vector<double>>())),
        float32(j.value("float32", nlohmann::json::object()).value("log_probability", 0.0)) {
    for (std::uint64_t a = 0; a < j.at("adapters").get<std::uint64_t>(); ++a)
      values.push_back(adapter(a, lora.size()));
    for (const auto& s : j.at("sequences"))
      batch.add(s.at("tokens").get<std::vector<int>>(), s.at("adapter"));
    for (const auto& t : j.at("targets")) batch.targets.push_back({t[0], t[1], t[2]});
  }

  /// The case's batch, options of adapters and formula on another shape; without golden values.
  template <class Change>
  [[nodiscard]] Case with_shape(Change&& change) const {
    Config other = shape;
    change(other);
    peft::LoraOptions options = lora.options();
    if (!other.gated()) std::erase(options.targets, "gate");
    Case made(name, other, peft::Lora(other, options), batch);
    for (std::uint64_t a = 0; a < values.size(); ++a) made.values.push_back(adapter(a, made.lora.size()));
    return made;
  }

  [[nodiscard]] std::vector<const Eigen::VectorXf*> adapters() const {
    std::vector<const Eigen::VectorXf*> out;
    for (const auto& v : values) out.push_back(&v);
    return out;
  }

  Case(std::string other_name, const Config& other, peft::Lora other_lora, Batch other_batch)
      : name(std::move(other_name)),
        shape(other),
        lora(std::move(other_lora)),
        theta(scaled(parameters(other), other.width)),
        batch(std::move(other_batch)) {}

  std::string name;
  Config shape;
  peft::Lora lora;
  Parameters theta;
  std::vector<Eigen::VectorXf> values;
  Batch batch;
  std::vector<double> log_probabilities;
  double loss = 0.0;
  std::vector<std::vector<double>> gradients;
  double float32 = 0.0;  // how far PyTorch's own float32 run is from the log-probabilities; 0: not known
};

/// The files of cases.
inline constexpr const char* files[] = {"llama.json", "opt.json", "families.json"};

/// One case by name.
inline Case one(const std::string& name) {
  for (const char* file : files) {
    const auto document = load(file);
    for (const auto& j : document.at("cases"))
      if (case_name(j) == name) return Case(j);
  }
  fail("tests/golden: no case '{}'", name);
}

/// All cases of all families.
inline std::vector<Case> all() {
  std::vector<Case> cases;
  for (const char* file : files) {
    const auto document = load(file);
    for (const auto& j : document.at("cases")) cases.emplace_back(j);
  }
  return cases;
}

/// The loss that the golden gradients are of; curved, so that targets' derivatives differ.
inline double curved_loss(std::span<const double> log_p, std::span<double> d_log_p) {
  double value = 0.0;
  for (std::size_t t = 0; t < log_p.size(); ++t) {
    const double weight = 1.0 + static_cast<double>(t % 3);
    value += -weight * log_p[t] + 0.05 * log_p[t] * log_p[t];
    d_log_p[t] = -weight + 0.1 * log_p[t];
  }
  return value;
}

/// max |a_i − b_i|; infinite if the sizes differ or an entry is not a number.
template <class A, class B>
double largest_difference(const A& a, const B& b) {
  if (static_cast<std::size_t>(a.size()) != static_cast<std::size_t>(b.size())) return INFINITY;
  double high = 0.0;
  auto bi = b.begin();
  for (auto ai = a.begin(); ai != a.end(); ++ai, ++bi) {
    const double difference = std::abs(static_cast<double>(*ai) - static_cast<double>(*bi));
    if (!(difference <= high)) high = std::isnan(difference) ? INFINITY : difference;
  }
  return high;
}

}  // namespace zofo::model::golden
