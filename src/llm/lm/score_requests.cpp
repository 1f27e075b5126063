#include "zofo/lm/score_requests.hpp"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/lm/encode_examples.hpp"

namespace zofo::llm {
namespace {

// The index of the adapter that a request names; `fallback` if it names none.
int adapter_of(const data::JsonLine& line, std::span<const std::string> names, int fallback) {
  const auto field = line.fields.find("adapter");
  if (field == line.fields.end()) return fallback;
  require(field->is_string(), "{}: field 'adapter' is {}: must be a string", line.location(),
          field->type_name());
  const auto found = std::ranges::find(names, field->get_ref<const std::string&>());
  require(found != names.end(), "{}: adapter '{}': must be one of the loaded adapters ({})", line.location(),
          field->get_ref<const std::string&>(),
          names.empty() ? "there are none" : fmt::format("{}", fmt::join(names, ", ")));
  return static_cast<int>(found - names.begin());
}

}  // namespace

Request parse_request(const Model& model, const data::JsonLine& line, std::span<const std::string> names,
                      int fallback, const std::function<std::uint32_t(std::size_t)>& reserved,
                      std::size_t max_prompt_tokens) {
  const nlohmann::json& prompt = line.at("prompt");
  const nlohmann::json& words = line.at("options");
  require(prompt.is_string(), "{}: field 'prompt' is {}: must be a string", line.location(),
          prompt.type_name());
  require(words.is_array() && !words.empty(), "{}: field 'options': must be a list of at least one string",
          line.location());
  std::vector<PromptAndText> choices;
  for (const nlohmann::json& word : words) {
    require(word.is_string(), "{}: field 'options': holds {}: must hold strings", line.location(),
            word.type_name());
    choices.push_back({prompt.get_ref<const std::string&>(), word.get_ref<const std::string&>()});
  }
  const int adapter = adapter_of(line, names, fallback);
  EncodedChoices encoded = encode_choices(model, choices, max_prompt_tokens);
  check_length(model, encoded.prompt.size(), encoded.options, line.location(),
               adapter < 0 ? 0 : reserved(static_cast<std::size_t>(adapter)));
  EncodedExample example{std::move(encoded.prompt)};
  example.options = std::make_shared<const OptionTokens>(std::move(encoded.options));
  return {std::move(example), adapter};
}

std::string score_line(std::span<const double> scores, const OptionTokens& options) {
  std::vector<std::size_t> counts;
  for (const Tokens& option : options.options) counts.push_back(option.size());
  const auto best = std::ranges::max_element(scores) - scores.begin();
  return nlohmann::json{{"logprobs", scores}, {"tokens", counts}, {"best", best}}.dump();
}

}  // namespace zofo::llm
