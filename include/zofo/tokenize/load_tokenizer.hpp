/// @file Loads the tokenizer of a checkpoint's folder.
#pragma once

#include <filesystem>

#include "zofo/tokenize/tokenizer.hpp"

namespace zofo::tokenize {

/// Reads `tokenizer.json`, else `tokenizer.model`, else `vocab.json` with `merges.txt`. Also reads
/// `tokenizer_config.json`, if it exists, for eos and, where the post-processor puts nothing before a text,
/// for bos. Without a `tokenizer_config.json` a `tokenizer.model` puts `<s>` before texts, as its reference
/// does. Throws Error naming the file and the problem, or the files that were searched.
Tokenizer load_tokenizer(const std::filesystem::path& folder);

}  // namespace zofo::tokenize
