/// @file Reads and writes an adapter of any kind in the format of Hugging Face's peft library.
#pragma once

#include <Eigen/Core>
#include <filesystem>
#include <span>
#include <string>

#include "zofo/peft/adapter.hpp"
#include "zofo/peft/backbone_changes.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft {

/// An adapter read from a folder.
struct PeftAdapter {
  Adapter layout;                ///< kind and sizes
  Eigen::VectorXf values;        ///< [size(layout)], in the layout's order
  BackboneChanges changes = {};  ///< of the model's own weights; none in an adapter from read_peft
};

/// Reads an adapter for a model of this shape from a folder, whose adapter_config.json determines the kind,
/// or a LoRA from a GGUF file. Throws Error naming the file and the field or tensor at fault, also for an
/// adapter that changes the model's own weights.
PeftAdapter read_peft(const std::filesystem::path& folder, const ModelShape& shape);

/// The same with what the adapter changes of the model's own weights, for apply_changes
/// (model_io/merge_lora.hpp).
PeftAdapter read_peft_with_changes(const std::filesystem::path& folder, const ModelShape& shape);

/// Writes an adapter into an existing folder; peft and read_peft read the same values bit for bit. Throws
/// Error naming the file when the disk refuses.
void write_peft(const std::filesystem::path& folder, const ModelShape& shape, const Adapter& layout,
                std::span<const float> values, const std::string& base_model);

}  // namespace zofo::peft
