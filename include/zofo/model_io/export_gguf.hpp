/// @file Writes a backbone as a GGUF file.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "zofo/checkpoint/gguf.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model_io/gguf_file_type.hpp"

namespace zofo::llm {

/// The value of general.architecture for a shape.
std::string gguf_architecture(const model::Config& config);

/// Writes a backbone as a file of this type; stored_type() chooses the storage type of each weight, and
/// `put_tokenizer` adds the tokenizer's keys. The names, keys and orders of rows are those of
/// llama.cpp, except that opt is this library's own, with Layout's names and the keys of gguf_keys. Throws
/// Error naming the file when it exists or the disk refuses, the weight that has a value which its storage
/// type cannot store, and the part of a shape that no key describes.
void write_gguf(const std::filesystem::path& path, const model::Parameters& theta, GgufFileType type,
                const std::function<void(checkpoint::GgufWriter&)>& put_tokenizer);

/// The same with the tokenizer and name of the GGUF file from which the backbone was loaded.
void write_gguf(const std::filesystem::path& path, const model::Parameters& theta, GgufFileType type,
                const checkpoint::GgufFile& tokenizer);

}  // namespace zofo::llm
