#include "zofo/tokenize/sentencepiece.hpp"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <exception>
#include <unordered_set>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/tokenize/bpe.hpp"
#include "zofo/tokenize/token_type.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

namespace {

constexpr std::string_view kSpace = "\u2581";

bool is(std::uint64_t type, TokenType wanted) { return type == static_cast<std::uint64_t>(wanted); }

/// Whether a text may be cut before its spaces without a change in the ids.
bool may_cut(const SentencePieceModel& model) {
  if (model.model_type != 2 || model.remove_extra_whitespaces || !model.escape_whitespaces) return false;
  const bool known = std::ranges::any_of(model.pieces, [](const Piece& piece) {
    return piece.text == kSpace && is(piece.type, TokenType::normal);
  });
  return known && std::ranges::none_of(model.pieces, [](const Piece& piece) {
           bool other = false;
           for (std::size_t i = 0; i < piece.text.size();) {
             const bool symbol = std::string_view(piece.text).substr(i).starts_with(kSpace);
             const bool here = symbol || piece.text[i] == ' ';
             if (here && other) return true;
             other = !here;
             i += symbol ? kSpace.size() : 1;
           }
           return false;
         });
}

Vocabulary vocabulary_of(const SentencePieceModel& model, const std::vector<AddedToken>& added) {
  model.check();
  Vocabulary all(id_limit(model.pieces.size() + added.size()));
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const std::string& text = model.pieces[i].text;
    require(!all.id(text), "piece {} = '{}': another piece has the same text", i, text);
    all.add(text, static_cast<std::int64_t>(i));
  }
  for (const AddedToken& token : added)
    if (!all.id(token.content)) all.add(token.content, token.id);
  return all;
}

std::vector<std::optional<std::string>> bytes_of(const SentencePieceModel& model,
                                                 const std::vector<AddedToken>& added, std::size_t size) {
  std::vector<std::optional<std::string>> bytes;
  for (const auto& [text, score, type] : model.pieces) {
    std::string spelled = text;
    if (is(type, TokenType::byte)) {
      for (unsigned byte = 0; byte < 256; ++byte) {
        if (text == fallback_spelling(byte)) spelled = std::string(1, static_cast<char>(byte));
      }
    } else if (!is(type, TokenType::control) && !is(type, TokenType::unknown)) {
      for (std::size_t at = 0; (at = spelled.find(kSpace, at)) != std::string::npos; ++at)
        spelled.replace(at, kSpace.size(), " ");
    }
    bytes.emplace_back(std::move(spelled));
  }
  bytes.resize(size);
  for (const AddedToken& token : added) bytes[static_cast<std::size_t>(token.id)] = token.content;
  return bytes;
}

/// Calls the library and throws Error "complaint: reason" on failure. The library returns a status, but its
/// protobuf code may throw.
template <class Call>
void call_library(const char* complaint, Call&& call) {
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

}  // namespace

struct SentencePiece::Library : sentencepiece::SentencePieceProcessor {
  Library(SentencePieceModel model, bool space) {
    model.add_dummy_prefix = space;
    call_library("the SentencePiece library refuses the model",
                 [&] { return LoadFromSerializedProto(model.serialized()); });
  }
};

SentencePiece::SentencePiece(SentencePieceModel model, SentencePieceOptions options)
    : model_(std::move(model)),
      by_words_(may_cut(model_)),
      after_token_(options.after_token),
      vocabulary_(vocabulary_of(model_, options.added)),
      bytes_(bytes_of(model_, options.added, vocabulary_.size()), model_.add_dummy_prefix) {
  std::unordered_set<std::string_view> added;
  for (const AddedToken& token : options.added) {
    added.insert(token.content);
    tokens_.add(token, token.content);
  }
  for (std::size_t i = 0; i < model_.pieces.size(); ++i) {
    const auto& [text, score, type] = model_.pieces[i];
    const bool special = is(type, TokenType::control) || is(type, TokenType::unknown);
    const bool apart = options.user_defined_apart && is(type, TokenType::user_defined);
    if ((special || apart) && !added.contains(text))
      tokens_.add({.id = static_cast<std::int32_t>(i), .content = text, .special = special}, text);
  }
  // Of words, encode_plain puts the space before the first.
  library_ = std::make_shared<Library>(model_, model_.add_dummy_prefix && !by_words_);
  if (model_.add_dummy_prefix && !by_words_) no_space_ = std::make_shared<Library>(model_, false);
}

std::vector<std::int32_t> SentencePiece::encode(std::string_view text, bool parse_special) const {
  utf8::require_valid(text, "text to tokenize");
  std::vector<std::int32_t> ids;
  tokens_.split(
      text, parse_special,
      [&](std::string_view stretch) {
        const bool first = stretch.data() == text.data();
        const bool begins = stretch.starts_with(' ') || stretch.starts_with(kSpace);
        const bool wanted =
            after_token_ == AfterToken::space || (after_token_ == AfterToken::space_if_none && !begins);
        encode_plain(stretch, first || wanted, ids);
      },
      [&](std::int32_t id) { ids.push_back(id); });
  return ids;
}

void SentencePiece::encode_plain(std::string_view text, bool space, std::vector<std::int32_t>& ids) const {
  space = space && model_.add_dummy_prefix;
  if (!by_words_) {
    const auto found = ids_of(space || no_space_ == nullptr ? *library_ : *no_space_, text);
    ids.insert(ids.end(), found.begin(), found.end());
    return;
  }
  WordCaches::Lease cache(caches_);
  const std::string own = std::string(space ? " " : "").append(text);
  const std::string_view whole = own;
  const auto word = [&](std::size_t begin, std::size_t end) {
    cache.append(whole.substr(begin, end - begin), ids,
                 [this](std::string_view w) { return ids_of(*library_, w); });
  };
  std::size_t begin = 0;
  for (std::size_t at = whole.find(' ', 1); at != std::string_view::npos; at = whole.find(' ', at + 1)) {
    if (whole[at - 1] == ' ' || whole.substr(0, at).ends_with(kSpace)) continue;
    word(begin, at);
    begin = at;
  }
  word(begin, whole.size());
}

std::vector<std::int32_t> SentencePiece::ids_of(const Library& library, std::string_view text) {
  std::vector<int> ids;
  call_library("tokenizing: the SentencePiece library reports",
               [&] { return library.Encode({text.data(), text.size()}, &ids); });
  return ids;
}

SentencePiece read_sentencepiece(const std::filesystem::path& path, const TokenizerConfig& config) {
  const std::string bytes = parse::read_file(path);
  return parse::with_path(path.string(), [&] {
    SentencePieceModel model = parse_sentencepiece_model(bytes);
    SentencePieceOptions options;
    Vocabulary vocabulary(
        id_limit(model.pieces.size() + config.added_tokens.size() + config.special_tokens.size()));
    for (std::size_t i = 0; i < model.pieces.size(); ++i)
      if (!vocabulary.id(model.pieces[i].text))
        vocabulary.add(model.pieces[i].text, static_cast<std::int64_t>(i));
    add_configured_tokens(config, vocabulary, options.added);
    const bool llama = config.class_name == "LlamaTokenizer";
    if (config.legacy.value_or(!llama))
      options.after_token = llama ? AfterToken::space_if_none : AfterToken::space;
    else
      options.after_token = AfterToken::nothing;
    return SentencePiece(std::move(model), std::move(options));
  });
}

}  // namespace zofo::tokenize
