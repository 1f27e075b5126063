/// @file Hugging Face's `tokenizer.json` with a byte-pair model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "zofo/tokenize/pipeline.hpp"
#include "zofo/tokenize/tokenizer_config.hpp"

namespace zofo::tokenize {

/// A pipeline and the token that its post-processor puts before every text.
struct TokenizerJson {
  Pipeline pipeline;                ///< encodes and decodes
  std::optional<std::int32_t> bos;  ///< empty if nothing is put before texts
};

/// Parses the text of a `tokenizer.json`. Ignores `decoder`, since decode() inverts the other parts, and
/// `truncation` and `padding`, which are settings of a call. The configuration's tokens are added. Throws
/// Error naming the JSON path and the value that is broken or not supported.
TokenizerJson parse_tokenizer_json(std::string_view text, const TokenizerConfig& config = {});

/// Reads a `tokenizer.json`. Throws Error naming the file, the JSON path and the value.
TokenizerJson read_tokenizer_json(const std::filesystem::path& path, const TokenizerConfig& config = {});

}  // namespace zofo::tokenize
