/// @file Names of options in earlier releases, which this release still accepts in flags, TOML files and run
/// folders. Each use of an old name adds a hint that names the new one.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::llm {

/// An option of training runs that this release renamed.
struct RenamedOption {
  std::string_view old_name;  ///< in earlier releases
  std::string_view name;      ///< current
};
/// All renamed options.
inline constexpr std::array<RenamedOption, 34> renamed_options{{
    {"upper_with_lower", "upper_every_inner_step"},
    {"direction_hold", "direction_interval"},
    {"density", "mask_density"},
    {"epsilon", "zo_eps"},
    {"queries", "num_directions"},
    {"one_sided", "forward_difference"},
    {"spread_scaled", "std_normalized"},
    {"reduction", "variance_reduction"},
    {"reduction_period", "anchor_interval"},
    {"reduction_batches", "anchor_batches"},
    {"outer", "outer_optimizer"},
    {"theta_rate", "zo_learning_rate"},
    {"max_step", "max_step_norm"},
    {"lower_rate", "lower_learning_rate"},
    {"upper_rate", "upper_learning_rate"},
    {"schedule", "lr_scheduler_type"},
    {"clip", "max_grad_norm"},
    {"batch", "batch_size"},
    {"accumulate", "gradient_accumulation_steps"},
    {"theta_rows", "backbone_examples"},
    {"reset_every", "reset_interval"},
    {"in_memory", "max_resident_adapters"},
    {"steps", "max_steps"},
    {"seconds", "max_seconds"},
    {"passes", "max_forward_passes"},
    {"patience", "early_stopping_patience"},
    {"evaluate_steps", "eval_steps"},
    {"lora_targets", "lora_target_modules"},
    {"virtual_tokens", "num_virtual_tokens"},
    {"train_rows", "max_train_samples"},
    {"validation_rows", "max_eval_samples"},
    {"max_tokens", "max_prompt_tokens"},
    {"curve_rows", "curve_samples"},
    {"recompute", "gradient_checkpointing"},
}};

/// A value of an option that this release renamed.
struct RenamedValue {
  std::string_view option;     ///< its current name
  std::string_view old_value;  ///< in earlier releases
  std::string_view value;      ///< current
};
/// All renamed values.
inline constexpr std::array<RenamedValue, 4> renamed_values{{
    {"method", "drift", "random-sign"},
    {"outer_optimizer", "scalar-adam", "rms-scalar"},
    {"adapters", "kept", "persistent"},
    {"adapters", "tied", "shared"},
}};

/// Hints about the old names that were used, each once, in the order of use. A reader that is given nullptr
/// accepts old names without a hint.
using Hints = std::vector<std::string>;

/// Appends a hint unless the list has it already; does nothing for nullptr.
void add_hint(Hints* hints, std::string line);

/// "steps: renamed to max_steps (the old name is accepted in this release)".
std::string renaming_hint(std::string_view old_name, std::string_view name);

/// The current name of an option; a name that is not in the table is returned as it is.
[[nodiscard]] constexpr std::string_view current_option(std::string_view name) {
  for (const RenamedOption& each : renamed_options)
    if (each.old_name == name) return each.name;
  return name;
}
/// The option's name in earlier releases; "" if it was not renamed.
[[nodiscard]] constexpr std::string_view old_option(std::string_view name) {
  for (const RenamedOption& each : renamed_options)
    if (each.name == name) return each.old_name;
  return "";
}

/// The current name of an option's value. An old name adds a hint, in which `where` names the option.
std::string_view current_value(std::string_view option, std::string_view value, std::string_view where,
                               Hints* hints);

/// Module names of Hugging Face for a list separated by commas: "q,v" as "q_proj,v_proj", "3.q:4" as
/// "3.q_proj:4". A part that is not a projection stays as it is; the adapter's layout refuses it.
[[nodiscard]] std::string target_modules(std::string_view text);

}  // namespace zofo::llm
