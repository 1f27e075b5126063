/// @file Loads the tokenizer of a checkpoint's folder.
#pragma once

#include <filesystem>

#include "zofo/tokenize/tokenizer.hpp"

namespace zofo::tokenize {

/// Reads `tokenizer.json`, else `tokenizer.model`, else `vocab.json` with `merges.txt`, and the tokens and
/// settings of read_tokenizer_config(). The post-processor of a `tokenizer.json` decides whether bos is put
/// before texts; where it puts nothing there, `add_bos_token` does for the classes of Llama and Gemma and
/// for an unknown class. `add_bos_token` decides for other files; without it a `tokenizer.model` puts bos
/// before texts (as SentencePiece's classes of transformers 4 and llama.cpp), `vocab.json` does not. Throws
/// Error naming the file and the problem, or the files that were searched.
Tokenizer load_tokenizer(const std::filesystem::path& folder);

}  // namespace zofo::tokenize
