/// @file SentencePiece, the tokenizer of Llama 2 and Mistral, through its own library.
#pragma once

#include <sentencepiece_processor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/bpe.hpp"
#include "zofo/tokenize/byte_bpe.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/sentencepiece_model.hpp"
#include "zofo/tokenize/special_tokens.hpp"
#include "zofo/tokenize/token_bytes.hpp"
#include "zofo/tokenize/word_cache.hpp"

namespace zofo::tokenize {

/// Text <-> ids, equal to the library's. Where no piece crosses from another character to a blank, words are
/// given to the library one by one and remembered, which changes no id. Safe to share between threads.
class SentencePiece {
 public:
  /// Throws Error naming the piece or field at fault, or what the library says.
  explicit SentencePiece(SentencePieceModel model)
      : model_(std::move(model)),
        by_words_(may_cut(model_)),
        bytes_(bytes_of(model_), model_.add_dummy_prefix) {
    model_.check();
    for (std::size_t i = 0; i < model_.pieces.size(); ++i) {
      const auto& [text, score, type] = model_.pieces[i];
      const auto id = static_cast<std::int32_t>(i);
      require(ids_.emplace(text, id).second, "piece {} = '{}': there twice", i, text);
      if (is(type, TokenType::control) || is(type, TokenType::unknown)) literals_.add(text, id);
    }
    SentencePieceModel loaded = model_;
    if (by_words_) loaded.add_dummy_prefix = false;  // it is put here, before the first word
    ask("the SentencePiece library refuses the model",
        [&] { return library_->LoadFromSerializedProto(loaded.serialized()); });
  }

  /// The ids of `text`; control tokens written in it are read only with `parse_special`, and the text behind
  /// one is a text of its own. Throws Error with the byte position when `text` is not valid UTF-8.
  std::vector<std::int32_t> encode(std::string_view text, bool parse_special = false) const {
    utf8::require_valid(text, "text to tokenize");
    std::vector<std::int32_t> ids;
    std::size_t done = 0;
    while (const auto found = parse_special ? literals_.find(text, done) : std::nullopt) {
      encode_plain(text.substr(done, found->position - done), ids);
      ids.push_back(found->id);
      done = found->position + found->length;
    }
    encode_plain(text.substr(done), ids);
    return ids;
  }

  /// The text of the ids, control tokens spelled out. Throws Error for an id that is no token.
  std::string decode(std::span<const std::int32_t> ids) const { return bytes_.decode(ids); }

  /// The number of pieces.
  std::size_t size() const { return model_.pieces.size(); }

  /// The id of a piece in the vocabulary's own spelling (a blank is U+2581), if there is one.
  std::optional<std::int32_t> id(std::string_view piece) const {
    const auto found = ids_.find(piece);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  static constexpr std::string_view kSign = "\u2581";

  static bool is(std::uint64_t type, TokenType wanted) { return type == static_cast<std::uint64_t>(wanted); }

  static bool may_cut(const SentencePieceModel& model) {
    if (model.model_type != 2 || model.remove_extra_whitespaces || !model.escape_whitespaces) return false;
    const bool known = std::ranges::any_of(model.pieces, [](const Piece& piece) {
      return piece.text == kSign && is(piece.type, TokenType::normal);
    });
    return known && std::ranges::none_of(model.pieces, [](const Piece& piece) {
             bool other = false;
             for (std::size_t i = 0; i < piece.text.size();) {
               const bool sign = std::string_view(piece.text).substr(i).starts_with(kSign);
               const bool here = sign || piece.text[i] == ' ';
               if (here && other) return true;
               other = !here;
               i += sign ? kSign.size() : 1;
             }
             return false;
           });
  }

  static std::vector<std::optional<std::string>> bytes_of(const SentencePieceModel& model) {
    std::vector<std::optional<std::string>> bytes;
    for (const auto& [text, score, type] : model.pieces) {
      std::string spelled = text;
      if (is(type, TokenType::byte)) {
        for (unsigned byte = 0; byte < 256; ++byte) {
          if (text == fallback_spelling(byte)) spelled = std::string(1, static_cast<char>(byte));
        }
      } else if (!is(type, TokenType::control) && !is(type, TokenType::unknown)) {
        for (std::size_t at = 0; (at = spelled.find(kSign, at)) != std::string::npos; ++at)
          spelled.replace(at, kSign.size(), " ");
      }
      bytes.emplace_back(std::move(spelled));
    }
    return bytes;
  }

  void encode_plain(std::string_view text, std::vector<std::int32_t>& ids) const {
    if (text.empty()) return;
    if (!by_words_) {
      const auto found = ids_of(text);
      ids.insert(ids.end(), found.begin(), found.end());
      return;
    }
    WordCaches::Lease cache(caches_);
    const std::string own = std::string(model_.add_dummy_prefix ? " " : "").append(text);
    const std::string_view whole = own;
    const auto word = [&](std::size_t begin, std::size_t end) {
      cache.append(whole.substr(begin, end - begin), ids, [this](std::string_view w) { return ids_of(w); });
    };
    std::size_t begin = 0;
    for (std::size_t at = whole.find(' ', 1); at != std::string_view::npos; at = whole.find(' ', at + 1)) {
      if (whole[at - 1] == ' ' || whole.substr(0, at).ends_with(kSign)) continue;
      word(begin, at);
      begin = at;
    }
    word(begin, whole.size());
  }

  std::vector<std::int32_t> ids_of(std::string_view text) const {
    std::vector<int> ids;
    ask("tokenizing: the SentencePiece library says", [&] {
      return library_->Encode({text.data(), text.size()}, &ids);
    });
    return ids;
  }

  /// The library answers by a status, but what it is made of throws.
  template <class Call>
  static void ask(const char* complaint, Call&& call) {
    std::string reason;
    try {
      const sentencepiece::util::Status status = call();
      if (status.ok()) return;
      reason = status.ToString();
    } catch (const std::exception& error) {
      reason = error.what();
    }
    fail("{}: {}", complaint, reason);
  }

  SentencePieceModel model_;
  bool by_words_;
  TokenBytes bytes_;
  StringMap<std::int32_t> ids_;
  SpecialTokens literals_;
  std::shared_ptr<sentencepiece::SentencePieceProcessor> library_ =
      std::make_shared<sentencepiece::SentencePieceProcessor>();
  mutable WordCaches caches_;
};

/// Reads a `tokenizer.model`. Throws Error naming the file and what is wrong.
inline SentencePiece read_sentencepiece(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  return with_path(path.string(), [&] { return SentencePiece(parse_sentencepiece_model(bytes)); });
}

}  // namespace zofo::tokenize
