/// @file The layout of the adapter that a run's options name.
#pragma once

#include "zofo/model/config.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/config/option_fields.hpp"

namespace zofo::llm {

/// The layout for a model of this shape; LoRA's where the options name none, since a transformer serves
/// one layout at least. Throws Error naming the field that does not fit the model.
inline peft::Adapter make_adapter(const model::Config& config, const Options& o) {
  if (o.adapter == peft::name(peft::Kind::prefix)) return peft::Prefix(config, {o.virtual_tokens});
  if (o.adapter == peft::name(peft::Kind::prompt)) return peft::Prompt(config, {o.virtual_tokens});
  return peft::Lora(config, {o.lora_rank, static_cast<float>(o.lora_alpha), split_commas(o.lora_targets)});
}

}  // namespace zofo::llm
