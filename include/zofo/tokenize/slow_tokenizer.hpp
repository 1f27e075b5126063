/// @file `vocab.json` with `merges.txt`: GPT-2's files, the only tokenizer files of OPT's checkpoints.
#pragma once

#include <filesystem>

#include "zofo/tokenize/pipeline.hpp"
#include "zofo/tokenize/tokenizer_config.hpp"

namespace zofo::tokenize {

/// GPT-2's pipeline with the folder's vocabulary; the special tokens are those that `config` names. Throws
/// Error naming the file and the token or merge.
Pipeline read_slow_tokenizer(const std::filesystem::path& folder, const TokenizerConfig& config);

}  // namespace zofo::tokenize
