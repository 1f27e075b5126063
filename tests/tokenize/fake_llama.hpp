/// @file A GGUF file converted from a SentencePiece model, for the tests of this module.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "zofo/tokenize/sentencepiece_model.hpp"

namespace zofo::tokenize::golden {

/// The keys of the file; those of type bool and chat templates are set by tests.
struct FakeLlama {
  SentencePieceModel model;
  std::map<std::string, bool> flags{};
  std::map<std::string, std::string> texts{};

  bool has(const std::string& key) const {
    return flags.contains(key) || texts.contains(key) || key == "tokenizer.ggml.token_type" ||
           key == "tokenizer.ggml.eos_token_id" || key == "tokenizer.ggml.bos_token_id";
  }
  bool boolean(const std::string& key) const { return flags.at(key); }
  std::uint64_t unsigned_integer(const std::string& key) const {
    return key == "tokenizer.ggml.eos_token_id" ? 2 : 1;
  }
  std::string string(const std::string& key) const {
    return key == "tokenizer.ggml.model" ? "llama" : texts.at(key);
  }
  std::vector<std::string> strings(const std::string& key) const {
    if (key == "tokenizer.chat_templates") return {"tools"};
    std::vector<std::string> tokens;
    for (const Piece& piece : model.pieces) tokens.push_back(piece.text);
    return tokens;
  }
  std::vector<float> floats(const std::string&) const {
    std::vector<float> scores;
    for (const Piece& piece : model.pieces) scores.push_back(piece.score);
    return scores;
  }
  std::vector<std::int64_t> integers(const std::string&) const {
    std::vector<std::int64_t> types;
    for (const Piece& piece : model.pieces) types.push_back(static_cast<std::int64_t>(piece.type));
    return types;
  }
};

}  // namespace zofo::tokenize::golden
