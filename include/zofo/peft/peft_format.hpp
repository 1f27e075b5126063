/// @file LoRA adapters in the format of Hugging Face's peft library: adapter_config.json and safetensors.
#pragma once

#include <Eigen/Core>
#include <filesystem>
#include <span>
#include <string>

#include "zofo/peft/backbone_changes.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/peft/model_shape.hpp"
#include "zofo/peft/peft_config.hpp"

namespace zofo::peft {

/// A LoRA adapter read from a folder.
struct PeftLora {
  Lora lora;                ///< options and layout
  Eigen::VectorXf values;   ///< [lora.size()], in the layout's order
  BackboneChanges changes;  ///< of DoRA and modules_to_save
  std::string base_model;   ///< the model it was trained on; empty if the config does not name it
};

/// Reads a LoRA adapter for a model of this shape. Throws Error naming the file and the field or tensor at
/// fault; memory is allocated only for what the file holds.
PeftLora read_peft_lora(const std::filesystem::path& folder, const ModelShape& shape);

/// Throws Error naming a projection that the family's files hold in one matrix with others: peft adapts that
/// matrix as one, so an adapter of the projection has no file.
void check_peft_can_write(const ModelShape& shape, const Lora& lora);

/// Writes a LoRA adapter into an existing folder in fp32; peft's `PeftModel.from_pretrained` and
/// read_peft_lora read the same values bit for bit. The config is written last. Throws Error naming the file
/// when the disk refuses.
void write_peft_lora(const std::filesystem::path& folder, const ModelShape& shape, const Lora& lora,
                     std::span<const float> values, const std::string& base_model);

}  // namespace zofo::peft
