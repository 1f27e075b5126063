#include "zofo/train/generate_sequences.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/train/impl/prompts.hpp"

namespace zofo::llm {

void GenerateOptions::check() const {
  constexpr std::size_t most = std::size_t{1} << 22U;  // the longest context that a model may have
  require(end.max_tokens >= 1 && end.max_tokens <= most, "--max-new-tokens {}: must be between 1 and {}",
          end.max_tokens, most);
  end.check();
  decoder.check();
  sampling.check();
  constexpr std::size_t most_texts = std::size_t{1} << 16U;
  require(num_return_sequences >= 1 && num_return_sequences <= most_texts,
          "num_return_sequences = {}: must be in [1, {}]", num_return_sequences, most_texts);
  require(num_return_sequences == 1 || sampling.temperature > 0.0,
          "num_return_sequences = {}: the texts would be equal at temperature 0: set temperature above 0",
          num_return_sequences);
}

chat::Conversation user_message(const std::string& text) {
  nlohmann::ordered_json message;
  message["role"] = "user";
  message["content"] = text;
  return {chat::value_of(nlohmann::ordered_json::array({message}))};
}

namespace detail {

Tokens prompt_of_line(const Model& model, std::size_t reserved, const data::JsonLine& line,
                      std::size_t max_prompt_tokens) {
  if (line.has("messages") && !line.has("prompt")) {
    const nlohmann::ordered_json row = line.ordered();
    chat::Conversation conversation{chat::value_of(row.at("messages"))};
    if (line.has("tools")) conversation.tools = chat::value_of(row.at("tools"));
    return checked_chat(model, reserved, conversation, line.location(), max_prompt_tokens);
  }
  const nlohmann::json& prompt = line.at("prompt");
  require(prompt.is_string(), "{}: field 'prompt' is {}: must be a string", line.location(),
          prompt.type_name());
  return checked_prompt(model, reserved, prompt.get_ref<const std::string&>(), line.location(),
                        max_prompt_tokens);
}

}  // namespace detail

std::string to_json_line(const Generation& generation, std::size_t samples) {
  nlohmann::json object = {{"text", generation.text},
                           {"tokens", generation.generated()},
                           {"prompt_tokens", generation.prompt},
                           {"end", name_of(generation.ending)}};
  if (samples > 1) object["sample"] = generation.sample;
  return parse::json_text(object);
}

std::size_t settled_bytes(const Generation& generation, const EndOfText& end) {
  const std::string& text = generation.text;
  if (generation.ending != Ending::none) return text.size();
  std::size_t open = 0;  // bytes at the end that may begin a stop
  for (const std::string& stop : end.stop) open = std::max(open, stop.size() - 1);
  open = std::min(open, text.size());
  const std::string_view settled = std::string_view(text).substr(0, text.size() - open);
  const std::size_t tail = settled.size() - std::min<std::size_t>(settled.size(), 3);
  // An incomplete character is at most three bytes; its first byte determines how many follow.
  for (std::size_t at = tail; at < settled.size(); ++at) {
    const auto byte = static_cast<unsigned char>(settled[at]);
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    if (at + length > settled.size()) return at;
  }
  return settled.size();
}

}  // namespace zofo::llm
