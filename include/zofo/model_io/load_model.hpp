/// @file A model from a GGUF file or a Hugging Face folder: shape, weights in fp32, tokenizer.
#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

#include "zofo/lm/language_model.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model_io/load_gguf.hpp"
#include "zofo/model_io/load_hugging_face.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"
#include "zofo/tokenize/tokenizer.hpp"

namespace zofo::llm {

/// Whether a model is a Hugging Face folder; what cannot be looked at is refused when it is opened.
inline bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

/// The backbone alone, from a GGUF file or a Hugging Face folder.
inline model::Parameters load_backbone(const std::filesystem::path& path) {
  return is_folder(path) ? load_hugging_face(path) : load_parameters(checkpoint::GgufFile(path));
}

/// The tokenizer alone, from either.
inline tokenize::Tokenizer load_tokenizer(const std::filesystem::path& path) {
  return is_folder(path) ? tokenize::load_tokenizer(path) : load_tokenizer(checkpoint::GgufFile(path));
}

/// Reads weights and tokenizer of a GGUF file or a Hugging Face folder, and lets the files go. Throws Error
/// naming the file and the key, field or tensor at fault.
inline Model load_model(const std::filesystem::path& path) {
  auto tokenizer = load_tokenizer(path);
  auto parameters = load_backbone(path);
  require(tokenizer.size() <= parameters.config().vocab,
          "{}: the tokenizer has {} tokens but the embedding only {} rows", path.string(), tokenizer.size(),
          parameters.config().vocab);
  return {std::move(parameters), std::move(tokenizer)};
}

}  // namespace zofo::llm
