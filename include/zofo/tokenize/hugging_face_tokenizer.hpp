/// @file Converts the tokenizer of a GGUF file to the files of a Hugging Face folder.
#pragma once

#include <filesystem>
#include <string>

#include "zofo/tokenize/from_gguf.hpp"

namespace zofo::tokenize {

/// The contents of a tokenizer's files, which transformers and load_tokenizer() read.
struct HuggingFaceTokenizer {
  std::string tokenizer;  ///< of tokenizer.json
  std::string config;     ///< of tokenizer_config.json: special tokens, bos before texts, the chat template
  std::string pre;        ///< the name of the Pretokenizer; empty for a `llama` model

  /// Writes both into an existing folder. Throws Error naming the file when the disk refuses.
  void write(const std::filesystem::path& folder) const;
};

namespace detail {

/// hugging_face_tokenizer() of the keys.
HuggingFaceTokenizer hugging_face_tokenizer_of(const GgufKeys& file);

}  // namespace detail

/// Converts the tokenizer of a GGUF file (as from_gguf() takes it). Both models become a byte-pair model; the
/// merges of `llama` follow from the scores (piece_merges). The ids of a text are those of from_gguf(): the
/// texts of all tokens, one by one and in pairs, are encoded by both. Throws Error naming the key and the
/// value that tokenizer.json cannot represent: `remove_extra_whitespaces`, what piece_merges() refuses; and
/// what from_gguf() refuses.
template <class Gguf>
HuggingFaceTokenizer hugging_face_tokenizer(const Gguf& file) {
  return detail::hugging_face_tokenizer_of(detail::GgufKeysOf<Gguf>(file));
}

/// Throws Error with the first text that two tokenizers encode differently. Encodes the text of every token
/// of `wanted`, and of every two neighbours, with and without control tokens in texts.
void require_same_ids(const Tokenizer& wanted, const Tokenizer& given);

}  // namespace zofo::tokenize
