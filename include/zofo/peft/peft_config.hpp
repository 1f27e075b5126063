/// @file adapter_config.json of Hugging Face's peft library for LoRA adapters.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft {

/// Name of the file of an adapter's configuration.
inline constexpr const char* peft_config_file = "adapter_config.json";
/// Name of the file of an adapter's weights.
inline constexpr const char* peft_weights_file = "adapter_model.safetensors";

/// The options of a LoRA adapter's config. Refuses every field that is neither read, nor known to leave a
/// trained adapter's output unchanged, nor null, false or empty. Throws Error naming file, field, value and
/// what is allowed.
LoraOptions read_peft_lora_config(const checkpoint::JsonFields& file, const ModelShape& shape);

/// The config of a LoRA adapter for peft.
nlohmann::json peft_lora_config(const LoraOptions& options, const ModelShape& shape,
                                const std::string& base_model);

}  // namespace zofo::peft
