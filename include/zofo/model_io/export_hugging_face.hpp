/// @file Writes a backbone as a Hugging Face folder: config.json and model.safetensors.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "zofo/checkpoint/safetensors_writer.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model_io/hugging_face_config.hpp"

namespace zofo::llm {

/// The file of the special tokens and settings of generation in a Hugging Face folder.
inline constexpr const char* generation_config_file = "generation_config.json";

/// Writes config.json (hugging_face_config) and model.safetensors into an existing folder. Throws Error
/// naming the file when the disk refuses.
void write_hugging_face(const std::filesystem::path& folder, const model::Parameters& theta,
                        checkpoint::SafetensorsType type, const nlohmann::json& tokens);

/// Whether a folder has a file that holds a vocabulary.
bool has_tokenizer(const std::filesystem::path& folder);

/// Copies the tokenizer's files of a Hugging Face folder, and its chat templates; returns their number.
/// Throws Error naming a file that cannot be copied.
std::size_t copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& to);

/// Copies generation_config.json of a Hugging Face folder if it has one. Throws Error naming a file that
/// cannot be copied.
void copy_generation_config(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace zofo::llm
