/// @file Log-probabilities of answer choices after a prompt: requests and results as lines of JSON.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/data/jsonl.hpp"
#include "zofo/lm/choice_loss.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/lm/pack_examples.hpp"
#include "zofo/model/transformer.hpp"

namespace zofo::llm {

/// An adapter that requests may name.
template <class Vector>
struct SelectedAdapter {
  const Vector* values = nullptr;      ///< borrowed
  peft::Kind kind = peft::Kind::lora;  ///< its layout's kind
  std::uint32_t reserved = 0;          ///< positions of the context for its virtual tokens
};

/// Adapters by name. The transformer must have a layout of each kind.
template <class Vector>
struct SelectedAdapters {
  std::vector<std::string> names;                 ///< of the adapters, in their order
  std::vector<SelectedAdapter<Vector>> adapters;  ///< the adapters
  int fallback = -1;  ///< index of the adapter of requests that name none; −1: only the backbone
};

/// An example and the adapter that scores its answer choices.
struct Request {
  EncodedExample example;  ///< prompt and choices
  int adapter = -1;        ///< index of the adapter, −1: none
};

/// Reads {"prompt": …, "options": […], "adapter": …} with at least one option; other fields are ignored.
/// `names` are the adapters that a request may name, `fallback` is the index for requests that name none, and
/// `reserved(i)` returns the positions that adapter i needs in the context. A prompt of more than
/// `max_prompt_tokens` tokens keeps its last ones; 0: no limit. Throws Error starting with file and line.
Request parse_request(const Model& model, const data::JsonLine& line, std::span<const std::string> names,
                      int fallback, const std::function<std::uint32_t(std::size_t)>& reserved,
                      std::size_t max_prompt_tokens = 0);

/// The same with the names and positions of `selected`.
template <class Vector>
Request parse_request(const Model& model, const data::JsonLine& line,
                      const SelectedAdapters<Vector>& selected, std::size_t max_prompt_tokens = 0) {
  return parse_request(
      model, line, selected.names, selected.fallback,
      [&](std::size_t i) { return selected.adapters[i].reserved; }, max_prompt_tokens);
}

/// A result as a line of JSON: {"logprobs": […], "tokens": […], "best": i}.
std::string score_line(std::span<const double> scores, const OptionTokens& options);

/// Scores of every request's answer choices. Requests of any adapters share a pass of about
/// Backend::max_batch_tokens tokens.
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
    std::vector<const typename Backend::Vector*> used;  // only the adapters of the pass's requests
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
      pack_example(batch, request.example, request.adapter < 0 ? -1 : static_cast<int>(used.size()) - 1);
    }
    const std::vector<double> logprobs =
        transformer.log_probabilities(theta, batch, std::span<const typename Backend::Vector* const>(used));
    for (std::size_t at = 0; next < end; ++next) {
      const OptionTokens& options = *requests[order[next]].example.options;
      scores[order[next]] = option_scores(std::span(logprobs).subspan(at, options.targets()), options);
      at += options.targets();
    }
  }
  return scores;
}

/// The results of requests, a line each (score_line): the summed log-probability and the number of tokens of
/// each choice, and the index of the highest sum.
template <class Backend>
std::vector<std::string> answer_requests(model::BasicTransformer<Backend>& transformer,
                                         const typename Backend::Theta& theta,
                                         const SelectedAdapters<typename Backend::Vector>& selected,
                                         std::span<const Request> requests) {
  std::vector<std::string> lines;
  const std::vector<std::vector<double>> scores = score_requests(transformer, theta, selected, requests);
  for (std::size_t i = 0; i < requests.size(); ++i)
    lines.push_back(score_line(scores[i], *requests[i].example.options));
  return lines;
}

}  // namespace zofo::llm
