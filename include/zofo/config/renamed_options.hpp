/// @file Names of options in earlier releases, which this release still accepts: one table for flags, TOML
/// files and run folders. Every use of an old name gives a hint that names the new one.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::llm {

/// An option of training runs that has another name since this release.
struct RenamedOption {
  std::string_view old_name, name;
};
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

/// A value of an option that has another name since this release; the option by its new name.
struct RenamedValue {
  std::string_view option, old_value, value;
};
inline constexpr std::array<RenamedValue, 4> renamed_values{{
    {"method", "drift", "random-sign"},
    {"outer_optimizer", "scalar-adam", "rms-scalar"},
    {"adapters", "kept", "persistent"},
    {"adapters", "tied", "shared"},
}};

/// The hints of the old names that were used, each once, in the order of their use. A reader given none
/// (nullptr) accepts old names without a hint.
using Hints = std::vector<std::string>;

inline void add_hint(Hints* hints, std::string line) {
  if (hints != nullptr && std::ranges::find(*hints, line) == hints->end()) hints->push_back(std::move(line));
}

/// "steps: renamed to max_steps (the old name is accepted in this release)".
inline std::string renaming_hint(std::string_view old_name, std::string_view name) {
  return fmt::format("{}: renamed to {} (the old name is accepted in this release)", old_name, name);
}

/// Today's name of an option; a name that is not in the table is returned as it is.
[[nodiscard]] constexpr std::string_view current_option(std::string_view name) {
  for (const RenamedOption& each : renamed_options)
    if (each.old_name == name) return each.name;
  return name;
}
/// The option's name in earlier releases; "" where it had no other.
[[nodiscard]] constexpr std::string_view old_option(std::string_view name) {
  for (const RenamedOption& each : renamed_options)
    if (each.name == name) return each.old_name;
  return "";
}

/// Today's name of an option's value; `where` names the option in the hint.
inline std::string_view current_value(std::string_view option, std::string_view value, std::string_view where,
                                      Hints* hints) {
  for (const RenamedValue& each : renamed_values) {
    if (each.option != option || each.old_value != value) continue;
    add_hint(hints,
             renaming_hint(fmt::format("{} = \"{}\"", where, value), fmt::format("\"{}\"", each.value)));
    return each.value;
  }
  return value;
}

/// Projections by the names of Hugging Face's modules, separated by commas: "q,v" as "q_proj,v_proj". What
/// names no projection stays as it is; the adapter's layout refuses it.
[[nodiscard]] inline std::string target_modules(std::string_view text) {
  constexpr std::array<std::string_view, 7> projections{"q", "k", "v", "o", "gate", "up", "down"};
  std::string out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    out.append(begin == 0 ? "" : ",").append(part);
    if (std::ranges::find(projections, part) != projections.end()) out.append("_proj");
    begin = end + 1;
  }
  return out;
}

}  // namespace zofo::llm
