/// @file Exports a model, or the result of a run, in a format that other programs read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "zofo/config/enum_text.hpp"

namespace zofo::llm {

/// A folder for Hugging Face's transformers, a file for llama.cpp, or the adapter as a folder for peft.
enum class ExportFormat : std::uint8_t { hf, gguf, peft };
/// Names of the formats.
template <>
inline constexpr std::array<std::string_view, 3> enum_names<ExportFormat>{"hf", "gguf", "peft"};

/// The number format of the weights that are written.
enum class ExportType : std::uint8_t { f32, bf16, q8_0 };
/// Names of the number formats.
template <>
inline constexpr std::array<std::string_view, 3> enum_names<ExportType>{"f32", "bf16", "q8_0"};

/// What is exported, and to where.
struct ExportOptions {
  std::string model;                       ///< GGUF file or Hugging Face folder
  std::string run;                         ///< folder of a fine-tuning of this model; empty: the model itself
  std::string out;                         ///< a new folder, or a new file for gguf
  ExportFormat format = ExportFormat::hf;  ///< of the output
  ExportType dtype = ExportType::f32;      ///< of the weights
  bool merge = false;                      ///< add the run's adapter to the weights
  bool no_tokenizer = false;               ///< hf: without the tokenizer's files
  bool without_backbone = false;           ///< peft: also of a run that updated the backbone

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
/// * An adapter names its base: the exported folder as an absolute path, or with `peft` the model. If the run
///   updated the backbone, `peft` throws Error with the relative norm of the change of θ unless
///   `without_backbone` is set.
/// Throws Error naming the option, file or field at fault.
Exported export_model(const ExportOptions& o);

}  // namespace zofo::llm
