/// @file Log-probabilities of options after a prompt: requests and answers as lines of JSON.
#pragma once

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/data/jsonl.hpp"
#include "zofo/tune/encode_rows.hpp"
#include "zofo/tune/evaluate.hpp"

namespace zofo::tune {

/// Reads {"prompt": …, "options": […]}, one option or more; `taken`: positions of an adapter. Throws Error
/// headed by file and line.
inline EncodedRow parse_request(const Model& model, const std::string& line, std::string_view file,
                                std::size_t number, std::uint32_t taken = 0) {
  const data::Row row = data::detail::parse_row(line, std::string(file), number);
  const nlohmann::json& prompt = row.at("prompt");
  const nlohmann::json& words = row.at("options");
  require(prompt.is_string(), "{}: field 'prompt' is {}: must be a string", row.place(), prompt.type_name());
  require(words.is_array() && !words.empty(), "{}: field 'options': must be a list of at least one string",
          row.place());
  OptionTokens options;
  for (const nlohmann::json& word : words) {
    require(word.is_string(), "{}: field 'options': holds {}: must hold strings", row.place(),
            word.type_name());
    options.options.push_back(model.tokenizer.encode(word.get_ref<const std::string&>()));
    require(!options.options.back().empty(), "{}: options[{}]: has zero tokens: must have at least 1",
            row.place(), options.options.size() - 1);
  }
  EncodedRow made{encode_prompt(model, prompt.get_ref<const std::string&>())};
  check_length(model, made.prompt.size(), options, row.place(), taken);
  made.options = std::make_shared<const OptionTokens>(std::move(options));
  return made;
}

/// Tokens that a request takes in a packed pass.
inline std::size_t packed_tokens(const EncodedRow& row) {
  const std::size_t copies = row.options->single() ? 1 : row.options->options.size();
  return copies * (row.prompt.size() + row.options->longest());
}

/// Answers requests, a line each: {"logprobs": […], "tokens": […], "best": i}, the summed log-probability and
/// the number of tokens of each option, and the index of the highest sum.
template <class Backend>
std::vector<std::string> answer_requests(model::BasicTransformer<Backend>& transformer,
                                         const typename Backend::Theta& theta,
                                         const typename Backend::Vector* adapter,
                                         std::span<const EncodedRow> requests) {
  std::vector<std::string> answers;
  const std::vector<std::vector<double>> scores = score_rows(transformer, theta, adapter, requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::vector<std::size_t> counts;
    for (const Tokens& option : requests[i].options->options) counts.push_back(option.size());
    const auto best = std::ranges::max_element(scores[i]) - scores[i].begin();
    answers.push_back(nlohmann::json{{"logprobs", scores[i]}, {"tokens", counts}, {"best", best}}.dump());
  }
  return answers;
}

}  // namespace zofo::tune
