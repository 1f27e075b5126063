#include "zofo/peft/peft_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "peft_fields.hpp"
#include "zofo/checkpoint/printable_utf8.hpp"
#include "zofo/core/error.hpp"

namespace zofo::peft {

namespace {

using checkpoint::JsonFields;

// peft's name of a projection: the last part of Hugging Face's (`q_proj`); empty if the family lacks it, or
// has it in one matrix with others.
std::string_view peft_target(checkpoint::Naming naming, std::size_t projection) {
  if (detail::is_fused(naming, static_cast<Projection>(projection))) return {};
  for (const checkpoint::NamePair& pair : checkpoint::block_names(naming))
    if (pair.layout == detail::projection_weights[projection])
      return pair.hugging_face.substr(pair.hugging_face.rfind('.') + 1);  // npos + 1 = 0: the whole name
  return {};
}

// Fields that do not change the output of a trained adapter. All other fields must be read, or be null, false
// or empty, so that fields of later versions are not silently ignored.
bool is_harmless(std::string_view field) {
  static constexpr std::array<std::string_view, 14> harmless{"auto_mapping",      "base_model_name_or_path",
                                                             "corda_config",      "eva_config",
                                                             "inference_mode",    "init_lora_weights",
                                                             "loftq_config",      "megatron_core",
                                                             "peft_version",      "peft_type",
                                                             "qalora_group_size", "revision",
                                                             "runtime_config",    "task_type"};
  return std::ranges::find(harmless, field) != harmless.end();
}

// Accepts initialisations that keep the backbone's weights. Others (PiSSA, OLoRA, CorDA, LoftQ) move a part
// of the weights into the adapter, which then works only with the remaining weights.
void check_initialization(const JsonFields& file) {
  if (!file.has("init_lora_weights")) return;
  const nlohmann::json& value = file.at("init_lora_weights");
  if (!value.is_boolean() && value != "gaussian" && value != "orthogonal" && value != "eva")
    file.refuse("init_lora_weights", "true, false, \"gaussian\", \"orthogonal\" or \"eva\"");
}

// The target modules in the names of LoraOptions.
std::vector<std::string> read_targets(const JsonFields& file, checkpoint::Naming naming) {
  const nlohmann::json& given = file.at("target_modules");
  if (!given.is_array() || given.empty()) file.refuse("target_modules", "a list of names (no pattern)");
  std::vector<std::string> known;
  for (std::size_t p = 0; p < projection_names.size(); ++p) known.emplace_back(peft_target(naming, p));
  std::vector<std::string> targets;
  for (const nlohmann::json& name : given) {
    const auto found =
        std::ranges::find_if(known, [&](const std::string& n) { return !n.empty() && name == n; });
    if (found == known.end()) {
      std::erase(known, "");
      file.refuse("target_modules", fmt::format("some of {}", fmt::join(known, " ")));
    }
    targets.emplace_back(projection_names[static_cast<std::size_t>(found - known.begin())]);
  }
  return targets;
}

}  // namespace

namespace detail {

void check_rest(const JsonFields& file, const std::vector<std::string_view>& read) {
  for (const auto& [field, value] : file.object().items()) {
    const bool neutral = value.is_null() || value == false ||
                         ((value.is_object() || value.is_array() || value.is_string()) && value.empty());
    if (neutral || is_harmless(field) || std::ranges::find(read, field) != read.end()) continue;
    require(checkpoint::is_printable_utf8(field), "{}: a field's name must be printable UTF-8",
            file.location());
    file.refuse(field, "null, false or empty: not supported");
  }
}

}  // namespace detail

LoraOptions read_peft_lora_config(const checkpoint::JsonFields& file, const ModelShape& shape) {
  if (file.string("peft_type") != "LORA") file.refuse("peft_type", "LORA");
  detail::check_rest(file, {"r", "lora_alpha", "target_modules", "lora_dropout", "bias", "use_rslora"});
  check_initialization(file);
  if (file.has("bias") && file.at("bias") != "none") file.refuse("bias", "\"none\"");
  LoraOptions options;
  options.rank = file.integer("r", 1, 1024);
  double alpha = file.number("lora_alpha");
  // rsLoRA scales by α/√r (Kalajdzievski 2023), this library by α/r.
  if (file.boolean_or("use_rslora", false)) alpha *= std::sqrt(static_cast<double>(options.rank));
  options.alpha = static_cast<float>(alpha);
  options.dropout = static_cast<float>(file.number_or("lora_dropout", 0.0));
  options.targets = read_targets(file, detail::naming_of(shape));
  try {
    options.check();
  } catch (const Error& error) {
    fail("{}: {}", file.location(), error.what());
  }
  return options;
}

nlohmann::json peft_lora_config(const LoraOptions& options, const ModelShape& shape,
                                const std::string& base_model) {
  std::vector<std::string> targets;
  for (std::size_t p = 0; p < projection_names.size(); ++p)
    if (std::ranges::find(options.targets, projection_names[p]) != options.targets.end())
      targets.emplace_back(peft_target(detail::naming_of(shape), p));
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
