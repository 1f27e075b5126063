#include "zofo/tokenize/token_bytes.hpp"

#include <cstddef>

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

std::string TokenBytes::decode(std::span<const std::int32_t> ids, bool continues) const {
  std::string text;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    require(ids[i] >= 0 && static_cast<std::size_t>(ids[i]) < bytes_.size(),
            "token {} = {}: must be in [0, {}]", i, ids[i], static_cast<std::ptrdiff_t>(bytes_.size()) - 1);
    const auto& bytes = bytes_[static_cast<std::size_t>(ids[i])];
    require(bytes.has_value(), "token {} = {}: the vocabulary has no such token", i, ids[i]);
    text += *bytes;
  }
  if (leading_space_ && !continues && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

}  // namespace zofo::tokenize
