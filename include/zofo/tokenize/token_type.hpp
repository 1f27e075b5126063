/// @file The types of tokens in GGUF files and SentencePiece models.
#pragma once

#include <cstdint>

namespace zofo::tokenize {

/// Types of tokens as GGUF (`tokenizer.ggml.token_type`) and SentencePiece number them.
enum class TokenType : std::int64_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

}  // namespace zofo::tokenize
