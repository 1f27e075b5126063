#include "zofo/tokenize/special_tokens.hpp"

#include <algorithm>
#include <utility>

namespace zofo::tokenize {

void SpecialTokens::add(std::string text, std::int32_t id) {
  if (text.empty()) return;
  auto& bucket = by_first_byte_[static_cast<unsigned char>(text.front())];
  bucket.push_back({std::move(text), id});
  std::stable_sort(bucket.begin(), bucket.end(),
                   [](const Entry& a, const Entry& b) { return a.text.size() > b.text.size(); });
  empty_ = false;
}

std::optional<SpecialTokens::Found> SpecialTokens::find(std::string_view text, std::size_t start) const {
  if (empty_) return std::nullopt;
  for (std::size_t position = start; position < text.size(); ++position) {
    for (const Entry& entry : by_first_byte_[static_cast<unsigned char>(text[position])]) {
      if (text.substr(position).starts_with(entry.text)) return Found{position, entry.text.size(), entry.id};
    }
  }
  return std::nullopt;
}

}  // namespace zofo::tokenize
