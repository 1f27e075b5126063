#include "llm/serve/token_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "zofo/tokenize/utf8.hpp"

namespace zofo::serve {
namespace {

using Json = nlohmann::json;

// Bytes that are no text by themselves have the form that OpenAI's API gives them.
std::string token_name(const std::string& bytes) {
  if (!tokenize::utf8::first_invalid(bytes)) return bytes;
  std::string name = "bytes:";
  for (const char byte : bytes) name += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  return name;
}

// A probability of zero has no logarithm in JSON.
Json logprob_value(double logprob) {
  if (std::isnan(logprob)) return nullptr;
  return std::max(logprob, -9999.0);
}

// The alternatives by name; the token itself is among them.
Json alternatives(const llm::Model& model, const llm::TokenLogprob& token, const std::string& name,
                  bool first) {
  if (std::isnan(token.logprob)) return nullptr;
  Json object = Json::object();
  object[name] = logprob_value(token.logprob);
  for (const auto& [id, logprob] : token.top) {
    const std::string other = id == token.id ? name : token_name(token_bytes(model, id, first));
    if (!object.contains(other)) object[other] = logprob_value(logprob);
  }
  return object;
}

Json bytes_of(const std::string& bytes) {
  Json list = Json::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return list;
}

Json chat_token(const llm::Model& model, std::int32_t id, double logprob) {
  const std::string bytes = token_bytes(model, id);
  return {{"token", token_name(bytes)}, {"logprob", logprob_value(logprob)}, {"bytes", bytes_of(bytes)}};
}

}  // namespace

std::string token_bytes(const llm::Model& model, std::int32_t id, bool first) {
  return model.tokenizer.decode(std::span(&id, 1), !first);
}

std::string prompt_text(const llm::Model& model, const Choice& choice) {
  const llm::Generation& generation = choice.generation;
  std::string text;
  for (std::size_t i = choice.hidden; i < generation.prompt; ++i)
    text += token_bytes(model, generation.tokens[i], i == choice.hidden);
  return text;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

Json completion_logprobs(const llm::Model& model, const Choice& choice, std::size_t from, bool with_prompt,
                         std::size_t& offset) {
  Json tokens = Json::array(), logprobs = Json::array(), top = Json::array(), offsets = Json::array();
  const auto add = [&](const llm::TokenLogprob& token, bool first, bool in_text) {
    const std::string bytes = token_bytes(model, token.id, first);
    const std::string name = token_name(bytes);
    tokens.push_back(name);
    logprobs.push_back(logprob_value(token.logprob));
    top.push_back(alternatives(model, token, name, first));
    offsets.push_back(offset);
    if (in_text) offset += characters(bytes);
  };
  if (with_prompt)
    for (std::size_t i = choice.hidden; i < choice.prompt_logprobs.size(); ++i)
      add(choice.prompt_logprobs[i], i == choice.hidden, true);
  const std::size_t written = choice.generation.generated();
  for (std::size_t i = from; i < choice.logprobs.size(); ++i) add(choice.logprobs[i], false, i < written);
  return {{"tokens", tokens}, {"token_logprobs", logprobs}, {"top_logprobs", top}, {"text_offset", offsets}};
}

Json chat_logprobs(const llm::Model& model, const Choice& choice, std::size_t from) {
  Json content = Json::array();
  for (std::size_t i = from; i < choice.logprobs.size(); ++i) {
    const llm::TokenLogprob& token = choice.logprobs[i];
    Json entry = chat_token(model, token.id, token.logprob);
    entry["top_logprobs"] = Json::array();
    for (const auto& [id, logprob] : token.top)
      entry["top_logprobs"].push_back(chat_token(model, id, logprob));
    content.push_back(std::move(entry));
  }
  return {{"content", content}, {"refusal", nullptr}};
}

}  // namespace zofo::serve
