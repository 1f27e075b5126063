#include "zofo/tokenize/sentencepiece.hpp"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <exception>
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

std::vector<std::optional<std::string>> bytes_of(const SentencePieceModel& model) {
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

struct SentencePiece::Library : sentencepiece::SentencePieceProcessor {};

SentencePiece::SentencePiece(SentencePieceModel model)
    : model_(std::move(model)),
      by_words_(may_cut(model_)),
      bytes_(bytes_of(model_), model_.add_dummy_prefix),
      library_(std::make_shared<Library>()) {
  model_.check();
  for (std::size_t i = 0; i < model_.pieces.size(); ++i) {
    const auto& [text, score, type] = model_.pieces[i];
    const auto id = static_cast<std::int32_t>(i);
    require(ids_.emplace(text, id).second, "piece {} = '{}': another piece has the same text", i, text);
    if (is(type, TokenType::control) || is(type, TokenType::unknown)) literals_.add(text, id);
  }
  SentencePieceModel loaded = model_;
  if (by_words_) loaded.add_dummy_prefix = false;  // encode_plain puts it before the first word
  call_library("the SentencePiece library refuses the model",
               [&] { return library_->LoadFromSerializedProto(loaded.serialized()); });
}

std::vector<std::int32_t> SentencePiece::encode(std::string_view text, bool parse_special) const {
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

std::optional<std::int32_t> SentencePiece::id(std::string_view piece) const {
  const auto found = ids_.find(piece);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

void SentencePiece::encode_plain(std::string_view text, std::vector<std::int32_t>& ids) const {
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
    if (whole[at - 1] == ' ' || whole.substr(0, at).ends_with(kSpace)) continue;
    word(begin, at);
    begin = at;
  }
  word(begin, whole.size());
}

std::vector<std::int32_t> SentencePiece::ids_of(std::string_view text) const {
  std::vector<int> ids;
  call_library("tokenizing: the SentencePiece library reports",
               [&] { return library_->Encode({text.data(), text.size()}, &ids); });
  return ids;
}

SentencePiece read_sentencepiece(const std::filesystem::path& path) {
  const std::string bytes = parse::read_file(path);
  return parse::with_path(path.string(), [&] { return SentencePiece(parse_sentencepiece_model(bytes)); });
}

}  // namespace zofo::tokenize
