/// @file An adapter of any kind as Hugging Face's peft library stores it.
#pragma once

#include <Eigen/Core>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/peft/model_shape.hpp"
#include "zofo/peft/peft_config.hpp"
#include "zofo/peft/peft_format.hpp"
#include "zofo/peft/peft_virtual_tokens.hpp"

namespace zofo::peft {

/// An adapter that was read.
struct PeftAdapter {
  Adapter layout;          ///< what the entries mean
  Eigen::VectorXf values;  ///< entries
};

/// Reads an adapter for a model of this shape; its folder says the kind. Throws Error naming the file and the
/// field or tensor at fault.
inline PeftAdapter read_peft(const std::filesystem::path& folder, const ModelShape& shape) {
  const auto described = checkpoint::JsonFields::load(folder / peft_config_file);
  if (described.string("peft_type") == "LORA") {
    PeftLora read = read_peft_lora(folder, shape);
    return {std::move(read.lora), std::move(read.values)};
  }
  PeftVirtualTokens read = read_peft_virtual_tokens(folder, shape);
  return {std::move(read.adapter), std::move(read.values)};
}

/// Writes an adapter into an existing folder; peft and read_peft give back its values bit for bit. Throws
/// Error naming the file when the disk refuses.
inline void write_peft(const std::filesystem::path& folder, const ModelShape& shape, const Adapter& layout,
                       std::span<const float> values, const std::string& base_model) {
  if (const auto* lora = std::get_if<Lora>(&layout))
    write_peft_lora(folder, shape, *lora, values, base_model);
  else
    write_peft_virtual_tokens(folder, shape, layout, values, base_model);
}

}  // namespace zofo::peft
