#include "zofo/tokenize/tokenizer.hpp"

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

std::vector<std::int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<std::int32_t> ids = codec_->encode(text, parse_special_);
  if (size() <= rows_) return ids;
  for (const std::int32_t id : ids)
    require(static_cast<std::size_t>(id) < rows_, "token {} = '{}': the model's embedding has only {} rows",
            id, decode(std::span(&id, 1)), rows_);
  return ids;
}

Tokenizer Tokenizer::with_rows(std::size_t rows) const {
  require(!bos() || static_cast<std::size_t>(*bos()) < rows, "bos = {}: the embedding has only {} rows",
          bos().value_or(0), rows);
  for (std::size_t id = rows; id < size(); ++id) {
    const auto token = static_cast<std::int32_t>(id);
    require(is_control(token) || !has(token), "the tokenizer has {} tokens but the embedding only {} rows",
            size(), rows);
  }
  Tokenizer other = *this;
  other.rows_ = rows;
  return other;
}

bool Tokenizer::has(std::int32_t id) const {
  try {
    return !decode(std::span(&id, 1)).empty();
  } catch (const Error&) {
    return false;
  }
}

bool Tokenizer::is_control(std::int32_t id) const {
  const std::vector<std::int32_t> only{id};
  try {
    const std::string spelled = decode(only);
    return encode(spelled, true) == only && encode(spelled, false) != only;
  } catch (const Error&) {  // the token is a part of a character, or there is none of this id
    return false;
  }
}

void Tokenizer::check_marks() const {
  const auto check = [this](const char* name, std::optional<std::int32_t> token) {
    require(!token || (*token >= 0 && static_cast<std::size_t>(*token) < size()),
            "{} = {}: must be a token in [0, {})", name, token.value_or(0), size());
  };
  check("bos", marks_.bos);
  check("eos", marks_.eos);
  for (const std::int32_t token : marks_.more_ends) check("eos", token);
}

}  // namespace zofo::tokenize
