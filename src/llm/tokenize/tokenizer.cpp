#include "zofo/tokenize/tokenizer.hpp"

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

void Tokenizer::check_marks() const {
  const auto check = [this](const char* name, std::optional<std::int32_t> token) {
    require(!token || (*token >= 0 && static_cast<std::size_t>(*token) < size()),
            "{} = {}: must be a token in [0, {})", name, token.value_or(0), size());
  };
  check("bos", marks_.bos);
  check("eos", marks_.eos);
}

}  // namespace zofo::tokenize
