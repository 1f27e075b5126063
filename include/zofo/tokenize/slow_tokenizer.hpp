/// @file `vocab.json` with `merges.txt`, the only tokenizer files of older checkpoints.
#pragma once

#include <filesystem>

#include "zofo/tokenize/pipeline.hpp"
#include "zofo/tokenize/tokenizer_config.hpp"

namespace zofo::tokenize {

/// The pipeline that the configuration's class has, with the folder's vocabulary and the configuration's
/// tokens: that of GPT-2 (GPT2Tokenizer, CodeGenTokenizer, or no class) or of Qwen 2 (Qwen2Tokenizer: its
/// pattern, and NFC) and Qwen 3.5 (Qwen3_5Tokenizer). Throws Error naming the file and the class, token or
/// merge.
Pipeline read_slow_tokenizer(const std::filesystem::path& folder, const TokenizerConfig& config);

}  // namespace zofo::tokenize
