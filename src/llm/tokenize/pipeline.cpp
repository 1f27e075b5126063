#include "zofo/tokenize/pipeline.hpp"

#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

std::vector<std::int32_t> Pipeline::encode(std::string_view text, bool parse_special) const {
  utf8::require_valid(text, "text to tokenize");
  WordCaches::Lease cache(caches_);
  std::vector<std::int32_t> ids;
  const auto append_token = [&ids](std::int32_t id) { ids.push_back(id); };
  const auto append_words = [&](std::string_view piece, bool first) {
    parts_.splitter.for_each_word(piece, first, [&](std::string_view word) {
      cache.append(word, ids, [this](std::string_view w) { return parts_.bpe.ids_of(w); });
    });
  };
  std::string own;
  parts_.raw.split(
      text, parse_special,
      [&](std::string_view stretch) {
        const bool first = stretch.data() == text.data();
        const std::string_view normal = parts_.normalizer.apply(stretch, own);
        parts_.normalized.split(
            normal, parse_special,
            [&](std::string_view piece) { append_words(piece, first && piece.data() == normal.data()); },
            append_token);
      },
      append_token);
  return ids;
}

}  // namespace zofo::tokenize
