/// @file Log-probabilities of options after a prompt, line by line.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/data/jsonl.hpp"
#include "zofo/tune/encode_rows.hpp"
#include "zofo/tune/evaluate.hpp"

namespace zofo::tune {

/// Answers {"prompt": …, "options": […]} with {"logprobs": […], "tokens": […], "best": i}: the summed
/// log-probability and the number of tokens of each option, and the index of the highest sum. Throws Error
/// headed by `place`.
template <class Backend>
std::string score_line(const Model& model, model::BasicTransformer<Backend>& transformer,
                       const typename Backend::Theta& theta, const typename Backend::Vector* adapter,
                       const std::string& line, std::string_view file, std::size_t number) {
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
  const Tokens ids = encode_prompt(model, prompt.get_ref<const std::string&>());
  check_length(model, ids.size(), options, row.place());

  model::Batch batch;
  pack_row(batch, ids, options, adapter == nullptr ? -1 : 0);
  const std::vector<double> sums =
      option_scores(log_probabilities(transformer, theta, adapter, batch), options);
  std::vector<std::size_t> counts;
  for (const Tokens& option : options.options) counts.push_back(option.size());
  return nlohmann::json{
      {"logprobs", sums}, {"tokens", counts}, {"best", std::ranges::max_element(sums) - sums.begin()}}
      .dump();
}

}  // namespace zofo::tune
