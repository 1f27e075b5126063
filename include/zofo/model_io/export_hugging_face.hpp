/// @file Writes a backbone as a Hugging Face folder: config.json and model.safetensors.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "zofo/checkpoint/safetensors_writer.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model_io/hugging_face_config.hpp"

namespace zofo::llm {

/// Writes config.json (hugging_face_config) and model.safetensors into an existing folder. Throws Error
/// naming the file when the disk refuses.
void write_hugging_face(const std::filesystem::path& folder, const model::Parameters& theta,
                        checkpoint::SafetensorsType type, const nlohmann::json& tokens);

/// Copies the tokenizer's files of a Hugging Face folder; returns their number. Throws Error naming a file
/// that cannot be copied.
std::size_t copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace zofo::llm
