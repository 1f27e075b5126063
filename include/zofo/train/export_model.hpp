/// @file Exports a model, or the result of a run, in a format that other programs read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "zofo/config/enum_text.hpp"
#include "zofo/model_io/gguf_file_type.hpp"

namespace zofo::llm {

/// A folder for Hugging Face's transformers, a file for llama.cpp, or the adapter: as a folder for peft or,
/// if it is a LoRA, as a file for llama.cpp.
enum class ExportFormat : std::uint8_t { hf, gguf, peft, gguf_lora };
/// Names of the formats.
template <>
inline constexpr std::array<std::string_view, 4> enum_names<ExportFormat>{"hf", "gguf", "peft", "gguf-lora"};

/// The number format of the weights that are written.
using ExportType = GgufFileType;
/// Names of the number formats.
template <>
inline constexpr std::array<std::string_view, gguf_file_types.size()> enum_names<ExportType> = [] {
  std::array<std::string_view, gguf_file_types.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = gguf_file_types[i].name;
  return names;
}();

/// What is exported, and to where.
struct ExportOptions {
  std::string model = {};                  ///< GGUF file or Hugging Face folder
  std::string run = {};                    ///< folder of a fine-tuning of this model; empty: the model itself
  std::string adapter = {};                ///< an adapter that takes the place of the run's; empty: the run's
  std::string out = {};                    ///< a new folder, or a new file for gguf and gguf-lora
  ExportFormat format = ExportFormat::hf;  ///< of the output
  ExportType dtype = ExportType::f32;      ///< of the weights
  bool merge = false;                      ///< add the adapter to the weights
  bool no_tokenizer = false;               ///< hf: without the tokenizer's files
  bool without_backbone = false;           ///< an adapter: also of a run that updated the backbone

  /// Whether only the adapter is written.
  [[nodiscard]] bool only_adapter() const {
    return format == ExportFormat::peft || format == ExportFormat::gguf_lora;
  }
  /// Throws Error naming the option that is out of range or contradicts another one.
  void check() const;
};

/// The result of an export.
struct Exported {
  std::string what;     ///< "a GGUF file (f32)"
  std::string warning;  ///< what the output lacks; empty: nothing
};

/// Writes the model with the run's updates, and with its adapter merged or in a folder of its own. The output
/// appears only when it is complete.
/// * Quantised weights are dequantised.
/// * A folder gets the tokenizer of the model, that of a GGUF file by hugging_face_tokenizer(), and
///   generation_config.json.
/// * An adapter that changes the model's own weights (DoRA, a saved embedding or head) must be merged.
/// * An adapter names its base: the exported folder as an absolute path, or with `peft` the model. If the run
///   updated the backbone, `peft` and `gguf_lora` throw Error with the relative norm of the change of θ
///   unless `without_backbone` is set.
/// Throws Error naming the option, file or field at fault.
Exported export_model(const ExportOptions& o);

}  // namespace zofo::llm
