#include "zofo/tokenize/vocabulary.hpp"

#include "zofo/core/error.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

void Vocabulary::add(const std::string& token, std::int64_t id) {
  utf8::require_valid(token, "token");
  require(id >= 0 && static_cast<std::size_t>(id) < limit_, "token '{}': id {}: must be in [0, {})", token,
          id, limit_);
  const auto index = static_cast<std::size_t>(id);
  if (index >= spellings_.size()) spellings_.resize(index + 1);
  require(!spellings_[index], "token '{}': id {}: is already that of '{}'", token, id,
          spellings_[index].value_or(""));
  require(ids_.add(token, static_cast<std::int32_t>(id)).second,
          "token '{}': id {}: the token already has another id", token, id);
  spellings_[index] = token;
}

}  // namespace zofo::tokenize
