/// @file Writes a backbone as a GGUF file.
#pragma once

#include <filesystem>
#include <functional>

#include "zofo/checkpoint/gguf.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/model/parameters.hpp"

namespace zofo::llm {

/// Writes a backbone as F32, BF16 or Q8_0; `put_tokenizer` adds the tokenizer's keys. The architecture is
/// llama, qwen2 (biases on q, k and v; the rows of q and k in Hugging Face's order, as in llama.cpp), or opt:
/// this library's own, with Layout's names and the keys of gguf_keys. Vectors and position embeddings stay
/// F32, as in llama.cpp's converter, and so do matrices whose rows are not whole blocks of Q8_0. Throws Error
/// naming the file when it exists or the disk refuses.
void write_gguf(const std::filesystem::path& path, const model::Parameters& theta, checkpoint::GgmlType type,
                const std::function<void(checkpoint::GgufWriter&)>& put_tokenizer);

/// The same with the tokenizer and name of the GGUF file from which the backbone was loaded.
void write_gguf(const std::filesystem::path& path, const model::Parameters& theta, checkpoint::GgmlType type,
                const checkpoint::GgufFile& tokenizer);

}  // namespace zofo::llm
