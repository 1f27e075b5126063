/// @file What a model's files contain in addition to its weights.
#pragma once

#include <cstdint>
#include <filesystem>

#include "zofo/lm/language_model.hpp"
#include "zofo/model/config.hpp"

namespace zofo::llm {

/// A model's shape, and the size of its files.
struct ModelShape {
  model::Config config;          ///< the shape
  std::uint64_t file_bytes = 0;  ///< of the files that hold the weights
};

/// A model without its weights, which may be too large for this machine.
struct ModelOutline : ModelShape {
  tokenize::Tokenizer tokenizer;  ///< text to token ids and back

  /// A model with this tokenizer and context and a backbone of one small block with zero weights, for code
  /// that encodes examples: it reads nothing else of the model.
  [[nodiscard]] Model encoder() const;
};

/// Reads the shape of a GGUF file or a Hugging Face folder. Throws Error naming the file and the key or field
/// at fault.
ModelShape read_shape(const std::filesystem::path& path);

/// Reads the shape and the tokenizer. Throws Error as read_shape, and naming the token at fault.
ModelOutline read_outline(const std::filesystem::path& path);

}  // namespace zofo::llm
