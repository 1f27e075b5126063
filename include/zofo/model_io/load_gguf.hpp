/// @file Loads a backbone and a tokenizer from a GGUF file.
#pragma once

#include "zofo/checkpoint/gguf.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/tokenize/tokenizer.hpp"

namespace zofo::llm {

/// The backbone of a GGUF file, dequantised to fp32, with the rows of q and k in this library's order
/// (checkpoint/rotary_order.hpp): files of qwen2 store them in Hugging Face's order, files of llama in this
/// library's. Throws Error naming the file and the tensor or key at fault.
model::Parameters load_parameters(const checkpoint::GgufFile& file);

/// The tokenizer of a GGUF file. Throws Error naming the file and the key or token at fault.
tokenize::Tokenizer load_tokenizer(const checkpoint::GgufFile& file);

}  // namespace zofo::llm
