/// @file Log-probabilities of options after a prompt: requests and answers as lines of JSON.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/data/jsonl.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/lm/packed_losses.hpp"

namespace zofo::llm {

/// An adapter that requests may ask for.
template <class Vector>
struct SelectedAdapter {
  const Vector* values = nullptr;
  peft::Kind kind = peft::Kind::lora;
  std::uint32_t taken = 0;  ///< positions that it takes of the context
};

/// Adapters by name. A transformer serves them if it has a layout of each kind.
template <class Vector>
struct SelectedAdapters {
  std::vector<std::string> names;
  std::vector<SelectedAdapter<Vector>> adapters;
  int fallback = -1;  ///< answers requests that name none; −1: θ alone
};

/// A question: a row, and the adapter that answers it.
struct Request {
  EncodedExample row;
  int adapter = -1;  ///< its number, −1 for none
};

namespace detail {

/// The number of the adapter that a request names; `fallback` where it names none.
inline int adapter_of(const data::JsonLine& row, std::span<const std::string> names, int fallback) {
  const auto field = row.fields.find("adapter");
  if (field == row.fields.end()) return fallback;
  require(field->is_string(), "{}: field 'adapter' is {}: must be a string", row.location(),
          field->type_name());
  const auto found = std::ranges::find(names, field->get_ref<const std::string&>());
  require(found != names.end(), "{}: adapter '{}': must be one of those served ({})", row.location(),
          field->get_ref<const std::string&>(),
          names.empty() ? "none is" : fmt::format("{}", fmt::join(names, ", ")));
  return static_cast<int>(found - names.begin());
}

}  // namespace detail

/// Reads {"prompt": …, "options": […], "adapter": …}, one option or more. Throws Error headed by file and
/// line.
template <class Vector>
Request parse_request(const Model& model, const std::string& line, std::string_view file, std::size_t number,
                      const SelectedAdapters<Vector>& selected) {
  const data::JsonLine row = data::parse_json_line(line, std::string(file), number);
  const nlohmann::json& prompt = row.at("prompt");
  const nlohmann::json& words = row.at("options");
  require(prompt.is_string(), "{}: field 'prompt' is {}: must be a string", row.location(),
          prompt.type_name());
  require(words.is_array() && !words.empty(), "{}: field 'options': must be a list of at least one string",
          row.location());
  OptionTokens options;
  for (const nlohmann::json& word : words) {
    require(word.is_string(), "{}: field 'options': holds {}: must hold strings", row.location(),
            word.type_name());
    options.options.push_back(model.tokenizer.encode(word.get_ref<const std::string&>()));
    require(!options.options.back().empty(), "{}: options[{}]: has zero tokens: must have at least 1",
            row.location(), options.options.size() - 1);
  }
  const int adapter = detail::adapter_of(row, selected.names, selected.fallback);
  EncodedExample made{encode_prompt(model, prompt.get_ref<const std::string&>())};
  check_length(model, made.prompt.size(), options, row.location(),
               adapter < 0 ? 0 : selected.adapters[static_cast<std::size_t>(adapter)].taken);
  made.options = std::make_shared<const OptionTokens>(std::move(options));
  return {std::move(made), adapter};
}

/// Scores of every request's options, as many requests of any adapters in a pass as fill the backend's
/// processor.
template <class Backend>
std::vector<std::vector<double>> score_requests(model::BasicTransformer<Backend>& transformer,
                                                const typename Backend::Theta& theta,
                                                const SelectedAdapters<typename Backend::Vector>& selected,
                                                std::span<const Request> requests) {
  std::vector<std::size_t> order(requests.size());  // requests of one adapter are neighbours in a pass
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return requests[i].adapter; });
  std::vector<std::vector<double>> scores(requests.size());
  for (std::size_t next = 0; next < order.size();) {
    model::Batch batch;
    std::vector<const typename Backend::Vector*> used;  // a pass takes along those that it needs
    int latest = -1;
    std::size_t end = next;
    for (; end < order.size() && batch.tokens.size() < Backend::max_batch_tokens; ++end) {
      const Request& request = requests[order[end]];
      if (request.adapter >= 0 && request.adapter != latest) {
        const auto& adapter = selected.adapters[static_cast<std::size_t>(request.adapter)];
        used.push_back(adapter.values);
        batch.kinds.push_back(adapter.kind);
        latest = request.adapter;
      }
      pack_example(batch, request.row, request.adapter < 0 ? -1 : static_cast<int>(used.size()) - 1);
    }
    const std::vector<double> logprobs =
        transformer.log_probabilities(theta, batch, std::span<const typename Backend::Vector* const>(used));
    for (std::size_t at = 0; next < end; ++next) {
      const OptionTokens& options = *requests[order[next]].row.options;
      scores[order[next]] = option_scores(std::span(logprobs).subspan(at, options.targets()), options);
      at += options.targets();
    }
  }
  return scores;
}

/// Answers requests, a line each: {"logprobs": […], "tokens": […], "best": i}, the summed log-probability and
/// the number of tokens of each option, and the index of the highest sum.
template <class Backend>
std::vector<std::string> answer_requests(model::BasicTransformer<Backend>& transformer,
                                         const typename Backend::Theta& theta,
                                         const SelectedAdapters<typename Backend::Vector>& selected,
                                         std::span<const Request> requests) {
  std::vector<std::string> answers;
  const std::vector<std::vector<double>> scores = score_requests(transformer, theta, selected, requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::vector<std::size_t> counts;
    for (const Tokens& option : requests[i].row.options->options) counts.push_back(option.size());
    const auto best = std::ranges::max_element(scores[i]) - scores[i].begin();
    answers.push_back(nlohmann::json{{"logprobs", scores[i]}, {"tokens", counts}, {"best", best}}.dump());
  }
  return answers;
}

}  // namespace zofo::llm
