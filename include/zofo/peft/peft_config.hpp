/// @file adapter_config.json of Hugging Face's peft library: what it says, and what is refused.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/printable_utf8.hpp"
#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft {

/// Names of an adapter's files.
inline constexpr const char* peft_config_file = "adapter_config.json";
inline constexpr const char* peft_weights_file = "adapter_model.safetensors";

namespace detail {

using checkpoint::JsonFields;

/// This library's names of the projections, as in Layout, in the order of Projection.
inline constexpr std::array<std::string_view, projection_names.size()> projection_weights{
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

inline checkpoint::Naming naming_of(const ModelShape& shape) {
  return shape.opt_names ? checkpoint::Naming::opt : checkpoint::Naming::llama;
}

/// peft's name of a projection: the last part of Hugging Face's (`q_proj`); empty if the family lacks it.
inline std::string_view peft_target(checkpoint::Naming naming, std::size_t projection) {
  for (const checkpoint::NamePair& pair : checkpoint::block_names(naming))
    if (pair.ours == projection_weights[projection])
      return pair.theirs.substr(pair.theirs.rfind('.') + 1);  // npos + 1 = 0: the whole name
  return {};
}

/// Fields that change nothing of what a trained adapter computes; every other one that isn't read must be
/// null, false or empty, so that nothing a later version brings is passed over.
inline bool is_harmless(std::string_view field) {
  static constexpr std::array<std::string_view, 14> harmless{"auto_mapping",      "base_model_name_or_path",
                                                             "corda_config",      "eva_config",
                                                             "inference_mode",    "init_lora_weights",
                                                             "loftq_config",      "megatron_core",
                                                             "peft_version",      "peft_type",
                                                             "qalora_group_size", "revision",
                                                             "runtime_config",    "task_type"};
  return std::ranges::find(harmless, field) != harmless.end();
}

/// Throws Error naming a field that is neither harmless nor one of `read` and isn't neutral.
inline void check_rest(const JsonFields& file, const std::vector<std::string_view>& read) {
  for (const auto& [field, value] : file.object().items()) {
    const bool neutral = value.is_null() || value == false ||
                         ((value.is_object() || value.is_array() || value.is_string()) && value.empty());
    if (neutral || is_harmless(field) || std::ranges::find(read, field) != read.end()) continue;
    require(checkpoint::is_printable_utf8(field), "{}: a field's name must be printable UTF-8",
            file.location());
    file.refuse(field, "null, false or empty: not supported");
  }
}

/// Starts that keep the backbone's weights; others (PiSSA, OLoRA, CorDA, LoftQ) move a part of them into the
/// adapter, which then fits no other backbone.
inline void check_start(const JsonFields& file) {
  if (!file.has("init_lora_weights")) return;
  const nlohmann::json& start = file.at("init_lora_weights");
  if (!start.is_boolean() && start != "gaussian" && start != "orthogonal" && start != "eva")
    file.refuse("init_lora_weights", "true, false, \"gaussian\", \"orthogonal\" or \"eva\"");
}

inline std::vector<std::string> read_targets(const JsonFields& file, checkpoint::Naming naming) {
  const nlohmann::json& given = file.at("target_modules");
  if (!given.is_array() || given.empty()) file.refuse("target_modules", "a list of names (no pattern)");
  std::vector<std::string> known;
  for (std::size_t p = 0; p < projection_names.size(); ++p) known.emplace_back(peft_target(naming, p));
  std::vector<std::string> targets;
  for (const nlohmann::json& name : given) {
    const auto found =
        std::ranges::find_if(known, [&](const std::string& n) { return !n.empty() && name == n; });
    if (found == known.end()) file.refuse("target_modules", fmt::format("some of {}", fmt::join(known, " ")));
    targets.emplace_back(projection_names[static_cast<std::size_t>(found - known.begin())]);
  }
  return targets;
}

}  // namespace detail

/// The options of a LoRA adapter's config. Throws Error naming file, field, value and what is allowed.
inline LoraOptions read_peft_lora_config(const checkpoint::JsonFields& file, const ModelShape& shape) {
  if (file.string("peft_type") != "LORA") file.refuse("peft_type", "LORA");
  detail::check_rest(file, {"r", "lora_alpha", "target_modules", "lora_dropout", "bias", "use_rslora"});
  detail::check_start(file);
  if (file.has("bias") && file.at("bias") != "none") file.refuse("bias", "\"none\"");
  LoraOptions options;
  options.rank = file.integer("r", 1, 1024);
  double alpha = file.number("lora_alpha");
  // rsLoRA scales by α/√r (Kalajdzievski 2023), this library by α/r.
  if (file.boolean_or("use_rslora", false)) alpha *= std::sqrt(static_cast<double>(options.rank));
  options.alpha = static_cast<float>(alpha);
  options.dropout = static_cast<float>(file.number_or("lora_dropout", 0.0));
  options.targets = detail::read_targets(file, detail::naming_of(shape));
  try {
    options.check();
  } catch (const Error& error) {
    fail("{}: {}", file.location(), error.what());
  }
  return options;
}

/// The config of a LoRA adapter for peft. Without a field for α's type peft takes any number.
inline nlohmann::json peft_lora_config(const LoraOptions& options, const ModelShape& shape,
                                       const std::string& base_model) {
  std::vector<std::string> targets;
  for (std::size_t p = 0; p < projection_names.size(); ++p)
    if (std::ranges::find(options.targets, projection_names[p]) != options.targets.end())
      targets.emplace_back(detail::peft_target(detail::naming_of(shape), p));
  return {{"peft_type", "LORA"},
          {"task_type", "CAUSAL_LM"},
          {"base_model_name_or_path", base_model},
          {"inference_mode", true},
          {"r", options.rank},
          {"lora_alpha", checkpoint::shortest(options.alpha)},
          {"lora_dropout", checkpoint::shortest(options.dropout)},
          {"target_modules", targets},
          {"bias", "none"},
          {"fan_in_fan_out", false},
          {"use_rslora", false},
          {"use_dora", false},
          {"modules_to_save", nullptr}};
}

}  // namespace zofo::peft
