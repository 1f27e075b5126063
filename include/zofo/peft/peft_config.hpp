/// @file adapter_config.json of Hugging Face's peft library for LoRA adapters.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "zofo/peft/lora.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft {

/// Name of the file of an adapter's configuration.
inline constexpr const char* peft_config_file = "adapter_config.json";
/// Name of the file of an adapter's weights.
inline constexpr const char* peft_weights_file = "adapter_model.safetensors";
/// Name of the file of weights as a pickle, which is not read.
inline constexpr const char* peft_pickle_file = "adapter_model.bin";

/// The contents of the config of a LoRA adapter.
struct PeftLoraConfig {
  LoraOptions options;             ///< with the modules that it adapts
  bool dora = false;               ///< use_dora
  std::vector<std::string> saved;  ///< modules_to_save in the names of model::Layout: token_embd, output
  std::string base_model;          ///< the model it was trained on; empty if the config does not name it
};

/// Reads the config of a LoRA adapter for a model of this shape, as peft 0.21 does. Refuses every field that
/// is neither read, nor known to leave a trained adapter's output unchanged, nor null, false or empty. Throws
/// Error naming file, field, value and what is allowed.
PeftLoraConfig read_peft_lora_config(const std::filesystem::path& path, const ModelShape& shape);

/// The config of a LoRA adapter for peft.
nlohmann::json peft_lora_config(const Lora& lora, const ModelShape& shape, const std::string& base_model);

}  // namespace zofo::peft
