/// @file Loads a backbone from a Hugging Face folder: config.json and safetensors.
#pragma once

#include <filesystem>

#include "zofo/model/parameters.hpp"

namespace zofo::llm {

/// The shape of a Hugging Face folder: that of config.json, and with a head of its own if the files have one
/// that differs from the embedding (tie_word_embeddings notwithstanding, as in transformers 5). Throws Error
/// naming the file and the field or tensor at fault.
model::Config read_hugging_face_shape(const std::filesystem::path& path);

/// The backbone of a Hugging Face folder in fp32, with the rows of q and k in this library's order
/// (checkpoint/rotary_order.hpp). Throws Error naming the file and the field or tensor at fault.
model::Parameters load_hugging_face(const std::filesystem::path& path);

}  // namespace zofo::llm
