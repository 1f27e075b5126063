#include "zofo/peft/peft_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "peft_fields.hpp"
#include "peft_targets.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/printable_utf8.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::peft {

namespace {

using checkpoint::JsonFields;

// Fields that do not change the output of a trained adapter. All other fields must be read, or be null, false
// or empty, so that fields of later versions are not silently ignored.
bool is_harmless(std::string_view field) {
  static constexpr std::array<std::string_view, 16> harmless{"auto_mapping",      "base_model_name_or_path",
                                                             "corda_config",      "eva_config",
                                                             "inference_mode",    "init_lora_weights",
                                                             "loftq_config",      "lora_ga_config",
                                                             "megatron_core",     "merge_weights",
                                                             "peft_version",      "peft_type",
                                                             "qalora_group_size", "revision",
                                                             "runtime_config",    "task_type"};
  return std::ranges::find(harmless, field) != harmless.end();
}

// The way out of an adapter that only peft can apply.
constexpr std::string_view merged_by_peft =
    "merge it with peft, PeftModel.from_pretrained(BASE, FOLDER).merge_and_unload().save_pretrained(NEW), "
    "and "
    "use NEW as the model";

// Accepts initialisations that keep the backbone's weights. Others (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) move
// a part of the weights into the adapter, which then works only with the remaining weights.
void check_initialization(const JsonFields& file) {
  if (!file.has("init_lora_weights")) return;
  const nlohmann::json& value = file.at("init_lora_weights");
  if (value.is_boolean()) return;
  for (const char* kept : {"gaussian", "orthogonal", "eva", "mica"})
    if (value == kept) return;
  file.refuse(
      "init_lora_weights",
      "true, false, \"gaussian\", \"orthogonal\", \"eva\" or \"mica\": others move a part of the base's "
      "weights "
      "into the adapter; save it again relative to the base by "
      "save_pretrained(NEW, path_initial_model_for_weight_conversion=INITIAL), or merge it with peft");
}

// The rank or the alpha of a module.
std::uint32_t own_rank(const JsonFields& file, const detail::PatternNumbers& ranks, const std::string& name,
                       std::uint32_t otherwise) {
  const std::optional<double> own = ranks.of(name);
  if (!own) return otherwise;
  require(*own >= 1.0 && *own <= 1024.0 && *own == std::floor(*own),
          "{}: rank_pattern: {} for '{}': must be an integer in [1, 1024]", file.location(), *own, name);
  return static_cast<std::uint32_t>(*own);
}

// rsLoRA scales by α/√r (Kalajdzievski 2023), this library by α/r.
float alpha_of(double alpha, std::uint32_t rank, bool rank_stabilised) {
  return static_cast<float>(rank_stabilised ? alpha * std::sqrt(static_cast<double>(rank)) : alpha);
}

// What is adapted, in the order of the layout.
void read_modules(const JsonFields& file, const nlohmann::ordered_json& document, const ModelShape& shape,
                  PeftLoraConfig& config) {
  const detail::TargetRules rules(file);
  const detail::PatternNumbers ranks(file, document, "rank_pattern"), alphas(file, document, "alpha_pattern");
  const bool rank_stabilised = file.boolean_or("use_rslora", false);
  const std::uint32_t rank = file.integer("r", 1, 1024);
  const double alpha = file.number("lora_alpha");
  std::set<std::string> ends;
  for (const detail::NamedModule& module : detail::named_modules(shape)) {
    if (module.outer.empty()) ends.insert(module.name.substr(module.name.rfind('.') + 1));
    if (rules.saves(module)) {
      require(module.outer == "token_embd" || module.outer == "output",
              "{}: modules_to_save: has '{}': only the embedding and the head can be read; {}",
              file.location(), module.name, merged_by_peft);
      config.saved.push_back(module.outer);
    }
    if (!rules.adapts(module)) continue;
    require(!module.projections.empty(),
            "{}: target_modules: adapts '{}': LoRA is supported only in the blocks; {}", file.location(),
            module.name, merged_by_peft);
    const std::uint32_t own = own_rank(file, ranks, module.name, rank);
    for (const Projection projection : module.projections)
      config.options.modules.push_back(
          {module.layer, projection, own,
           alpha_of(alphas.of(module.name).value_or(alpha), own, rank_stabilised)});
  }
  if (config.options.modules.empty())
    file.refuse("target_modules", fmt::format("names, paths or a pattern of some of the model's modules {}",
                                              fmt::join(ends, " ")));
}

// A number of the config, as peft writes it, without the difference of its float.
nlohmann::json config_number(float value) { return checkpoint::shortest(value); }

}  // namespace

namespace detail {

void check_rest(const JsonFields& file, const std::vector<std::string_view>& read, std::string_view way_out) {
  for (const auto& [field, value] : file.object().items()) {
    const bool neutral = value.is_null() || value == false ||
                         ((value.is_object() || value.is_array() || value.is_string()) && value.empty());
    if (neutral || is_harmless(field) || std::ranges::find(read, field) != read.end()) continue;
    require(checkpoint::is_printable_utf8(field), "{}: a field's name must be printable UTF-8",
            file.location());
    file.refuse(field,
                fmt::format("null, false or empty: not supported{}{}", way_out.empty() ? "" : "; ", way_out));
  }
}

}  // namespace detail

PeftLoraConfig read_peft_lora_config(const std::filesystem::path& path, const ModelShape& shape) {
  const auto file = JsonFields::load(path);
  if (file.string("peft_type") != "LORA") file.refuse("peft_type", "LORA");
  detail::check_rest(
      file,
      {"r", "lora_alpha", "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern",
       "rank_pattern", "alpha_pattern", "modules_to_save", "lora_dropout", "bias", "use_rslora", "use_dora"},
      merged_by_peft);
  check_initialization(file);
  if (file.has("bias") && file.at("bias") != "none")
    file.refuse("bias", fmt::format("\"none\": trained biases are not read; {}", merged_by_peft));
  PeftLoraConfig config;
  config.dora = file.boolean_or("use_dora", false);
  if (file.has("base_model_name_or_path")) config.base_model = file.string("base_model_name_or_path");
  config.options.dropout = static_cast<float>(file.number_or("lora_dropout", 0.0));
  const nlohmann::ordered_json document = parse::with_path(file.location(), [&] {
    return parse::parse_ordered_json(parse::read_file(path, checkpoint::max_json_bytes));
  });
  read_modules(file, document, shape, config);
  parse::with_path(file.location(), [&] { config.options.check(); });
  return config;
}

nlohmann::json peft_lora_config(const Lora& lora, const ModelShape& shape, const std::string& base_model) {
  const LoraOptions& options = lora.options();
  std::set<std::string> targets;
  nlohmann::json ranks = nlohmann::json::object(), alphas = nlohmann::json::object();
  // Modules of their own are named by their paths, which peft also reads as patterns.
  const auto own = [&](const detail::NamedModule& module) {
    const auto found = std::ranges::find_if(options.modules, [&](const LoraModule& each) {
      return each.layer == module.layer && each.projection == module.projections.front();
    });
    if (found == options.modules.end()) return;
    targets.insert(module.name);
    if (found->rank != options.rank) ranks[module.name] = found->rank;
    if (found->alpha != options.alpha) alphas[module.name] = config_number(found->alpha);
  };
  for (const detail::NamedModule& module : detail::named_modules(shape)) {
    if (module.projections.empty() || !lora.factors(module.layer, module.projections.front()).used) continue;
    if (options.modules.empty())
      targets.insert(module.name.substr(module.name.rfind('.') + 1));
    else
      own(module);
  }
  nlohmann::json config = {{"peft_type", "LORA"},
                           {"task_type", "CAUSAL_LM"},
                           {"base_model_name_or_path", base_model},
                           {"inference_mode", true},
                           {"r", options.rank},
                           {"lora_alpha", config_number(options.alpha)},
                           {"lora_dropout", config_number(options.dropout)},
                           {"target_modules", targets},
                           {"bias", "none"},
                           {"fan_in_fan_out", false},
                           {"use_rslora", false},
                           {"use_dora", false},
                           {"modules_to_save", nullptr}};
  if (!ranks.empty()) config["rank_pattern"] = ranks;
  if (!alphas.empty()) config["alpha_pattern"] = alphas;
  return config;
}

}  // namespace zofo::peft
