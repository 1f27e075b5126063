/// @file Loads a model from a GGUF file or a Hugging Face folder: shape, weights in fp32, tokenizer.
#pragma once

#include <filesystem>

#include "zofo/lm/language_model.hpp"
#include "zofo/model_io/load_gguf.hpp"
#include "zofo/model_io/load_hugging_face.hpp"

namespace zofo::llm {

/// Whether a model's path is a folder (of Hugging Face). False for an inaccessible path: opening it reports
/// why.
bool is_folder(const std::filesystem::path& path);

/// The backbone of a GGUF file or a Hugging Face folder. Throws Error naming the file and the key, field or
/// tensor at fault.
model::Parameters load_backbone(const std::filesystem::path& path);

/// The tokenizer of a GGUF file or a Hugging Face folder. Throws Error naming the file and the key, field or
/// token at fault.
tokenize::Tokenizer load_tokenizer(const std::filesystem::path& path);

/// The weights and the tokenizer of a GGUF file or a Hugging Face folder; the files are closed afterwards.
/// Control tokens may lack a row in the embedding: then no text may contain them. Throws Error naming the
/// file and the key, field or tensor at fault.
Model load_model(const std::filesystem::path& path);

}  // namespace zofo::llm
