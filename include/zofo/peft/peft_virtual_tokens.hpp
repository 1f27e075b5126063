/// @file Prefixes and prompts in the format of Hugging Face's peft library.
///
/// The file has one tensor, `prompt_embeddings`. Its row t belongs to virtual token t. For a prompt it is the
/// embedded token; for a prefix it is, layer by layer, the token's key and value. Keys are stored as
/// attention uses them, with the rows of a head in Hugging Face's order (checkpoint/rotary_order.hpp).
#pragma once

#include <Eigen/Core>
#include <filesystem>
#include <span>
#include <string>

#include "zofo/peft/adapter.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft {

/// A prefix or a prompt read from a folder.
struct PeftVirtualTokens {
  Adapter adapter;         ///< kind and sizes
  Eigen::VectorXf values;  ///< [size(adapter)], in the layout's order
};

/// Reads a prefix or a prompt for a model of this shape. Throws Error naming the file and the field or tensor
/// at fault; a prefix with an encoder network (`prefix_projection`) is refused.
PeftVirtualTokens read_peft_virtual_tokens(const std::filesystem::path& folder, const ModelShape& shape);

/// Writes a prefix or a prompt into an existing folder in fp32; peft and read_peft_virtual_tokens read the
/// same values bit for bit. The config is written last. Throws Error naming the file when the disk refuses.
void write_peft_virtual_tokens(const std::filesystem::path& folder, const ModelShape& shape,
                               const Adapter& adapter, std::span<const float> values,
                               const std::string& base_model);

}  // namespace zofo::peft
