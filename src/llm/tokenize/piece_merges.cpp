#include "zofo/tokenize/piece_merges.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/token_type.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

namespace {

// Divisions take time quadratic in the length; the longest piece of Llama 2 has 48 bytes.
constexpr std::size_t longest = 512;

bool is(const Piece& piece, TokenType wanted) { return piece.type == static_cast<std::uint64_t>(wanted); }

/// The pieces of a model by text.
class Pieces {
 public:
  explicit Pieces(const SentencePieceModel& model) : model_(model) {
    for (std::size_t i = 0; i < model.pieces.size(); ++i)
      ids_.emplace(model.pieces[i].text, static_cast<std::int32_t>(i));
  }

  /// Whether the library may hold `text` as a symbol: any character, or what a merge makes.
  [[nodiscard]] bool symbol(std::string_view text) const { return character(text) || merged(text); }

  /// Whether the library holds `text` as a symbol that has no id, which a byte-pair model does not.
  [[nodiscard]] bool nameless(std::string_view text) const { return !ids_.contains(text); }

 private:
  static bool character(std::string_view text) {
    std::size_t end = 0;
    utf8::next(text, end);
    return end == text.size();
  }
  [[nodiscard]] bool merged(std::string_view text) const {
    const auto found = ids_.find(text);
    if (found == ids_.end()) return false;
    const Piece& piece = model_.pieces[static_cast<std::size_t>(found->second)];
    return is(piece, TokenType::normal) || is(piece, TokenType::unused);
  }

  const SentencePieceModel& model_;
  StringMap<std::int32_t> ids_;
};

struct Ranked {
  float score = 0.0F;
  std::size_t id = 0;  ///< of the product
  Merge merge;
};

/// Appends the divisions of piece `id` into two symbols, the longest first part first: where two divisions
/// overlap, the library takes the one on the left.
void append_divisions(const SentencePieceModel& model, std::size_t id, const Pieces& pieces,
                      std::vector<Ranked>& into) {
  const Piece& piece = model.pieces[id];
  const std::string_view text = piece.text;
  const auto name = [&] { return fmt::format("tokenizer.ggml.tokens {} = '{}'", id, text); };
  std::vector<std::size_t> ends;
  for (std::size_t end = 0; end < text.size();) {
    utf8::next(text, end);
    if (end < text.size()) ends.push_back(end);
  }
  require(ends.empty() || text.size() <= longest, "{}: {} bytes: must be at most {}", name(), text.size(),
          longest);
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    const std::string_view left = text.substr(0, *end), right = text.substr(*end);
    if (!pieces.symbol(left) || !pieces.symbol(right)) continue;
    require(!is(piece, TokenType::unused),
            "{}: is unused, but merges make it: tokenizer.json has no such tokens", name());
    for (const std::string_view part : {left, right})
      require(!pieces.nameless(part), "{}: its character '{}' is no token: tokenizer.json has no such merges",
              name(), part);
    into.push_back({piece.score, id, {std::string(left), std::string(right)}});
  }
}

}  // namespace

std::vector<Merge> piece_merges(const SentencePieceModel& model) {
  const Pieces pieces(model);
  std::vector<Ranked> ranked;
  for (std::size_t id = 0; id < model.pieces.size(); ++id)
    if (is(model.pieces[id], TokenType::normal) || is(model.pieces[id], TokenType::unused))
      append_divisions(model, id, pieces, ranked);
  std::ranges::stable_sort(ranked, [](const Ranked& a, const Ranked& b) {
    return std::tuple(-a.score, a.id) < std::tuple(-b.score, b.id);
  });
  std::vector<Merge> merges;
  merges.reserve(ranked.size());
  // Of equal scores the library takes the leftmost pair of a text, a list of merges the first of the list.
  for (std::size_t i = 1; i < ranked.size(); ++i)
    require(
        ranked[i - 1].id == ranked[i].id || ranked[i - 1].score != ranked[i].score,
        "tokenizer.ggml.scores: tokens {} = '{}' and {} = '{}' both have {}: must differ, since merges in "
        "tokenizer.json have an order",
        ranked[i - 1].id, model.pieces[ranked[i - 1].id].text, ranked[i].id, model.pieces[ranked[i].id].text,
        ranked[i].score);
  for (Ranked& division : ranked) merges.push_back(std::move(division.merge));
  return merges;
}

}  // namespace zofo::tokenize
