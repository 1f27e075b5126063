/// @file Losses of several sets of examples, each under its own adapter, in one packed pass.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/core/requests.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/transformer.hpp"

namespace zofo::llm {

/// Examples under one adapter. The part's loss is their mean loss (choice_loss.hpp); 0 for no examples.
struct ExamplesPart {
  std::vector<const EncodedExample*> examples;  ///< borrowed
  int adapter = -1;                             ///< index into the adapters of the call, −1: none
  double weight = 1.0;                          ///< of the part's loss in the gradient
};

/// Tokens of an example in a packed pass.
std::size_t packed_tokens(const EncodedExample& example);

/// Tokens of all examples of the parts in a packed pass.
std::size_t packed_tokens(std::span<const ExamplesPart> parts);

/// A batch of the parts in their order. Parts of one adapter should be neighbours (model::Batch).
model::Batch pack_parts(std::span<const ExamplesPart> parts);

/// The loss of each part from the log-probabilities of pack_parts. `gradient` is empty, or of the same
/// length: weight × the derivative of the part's loss by each log-probability is added to it.
std::vector<double> losses_of_parts(std::span<const double> logprobs, std::span<const ExamplesPart> parts,
                                    std::span<double> gradient = {});

/// Losses of the parts at every probe, [probe][part]; one pass for a group of probes.
template <class Backend, class D>
std::vector<std::vector<double>> part_losses(model::BasicTransformer<Backend>& transformer,
                                             const typename Backend::Theta& theta, const D& perturbation,
                                             std::span<const Probe> probes,
                                             std::span<const ExamplesPart> parts,
                                             std::span<const typename Backend::Vector* const> adapters) {
  std::vector<std::vector<double>> losses;
  for (const auto& logprobs :
       transformer.log_probabilities(theta, perturbation, probes, pack_parts(parts), adapters))
    losses.push_back(losses_of_parts(logprobs, parts));
  return losses;
}

/// Losses of the parts. gradients[i] is set to the gradient of Σ weight × loss over the parts of adapter i.
template <class Backend>
std::vector<double> part_gradients(model::BasicTransformer<Backend>& transformer,
                                   const typename Backend::Theta& theta, std::span<const ExamplesPart> parts,
                                   std::span<const typename Backend::Vector* const> adapters,
                                   std::span<typename Backend::Vector* const> gradients) {
  std::vector<double> losses;
  const auto loss = [&](std::span<const double> logprobs, std::span<double> gradient) {
    std::ranges::fill(gradient, 0.0);
    losses = losses_of_parts(logprobs, parts, gradient);
    double sum = 0.0;
    for (std::size_t i = 0; i < parts.size(); ++i) sum += parts[i].weight * losses[i];
    return sum;
  };
  transformer.value_and_gradient(theta, pack_parts(parts), adapters, loss, gradients);
  return losses;
}

/// Values and gradients in several adapters. Requests share a pass while it has no more than
/// Backend::max_batch_tokens tokens. `parts_of(request)` lists the examples of a request, whose adapter index
/// is set here; `count(parts)` is called for every pass. Value and gradient of no examples are 0.
template <class Backend, class PartsOf, class Count>
void packed_gradients(model::BasicTransformer<Backend>& transformer, const typename Backend::Theta& theta,
                      std::span<GradientRequest<typename Backend::Vector>> requests, PartsOf&& parts_of,
                      Count&& count) {
  using Vector = typename Backend::Vector;
  using Request = GradientRequest<Vector>;
  std::vector<ExamplesPart> parts;
  std::vector<Request*> sharing;
  std::vector<std::size_t> ends;  // of each request's share of `parts`
  std::vector<const Vector*> adapters;
  std::vector<Vector*> gradients;
  std::size_t tokens = 0;
  const auto pass = [&] {
    if (sharing.empty()) return;
    count(std::span<const ExamplesPart>(parts));
    const std::vector<double> losses =
        part_gradients(transformer, theta, std::span<const ExamplesPart>(parts),
                       std::span<const Vector* const>(adapters), std::span<Vector* const>(gradients));
    std::size_t from = 0;
    for (std::size_t i = 0; i < sharing.size(); ++i)
      for (; from < ends[i]; ++from) sharing[i]->value += parts[from].weight * losses[from];
    parts.clear(), sharing.clear(), ends.clear(), adapters.clear(), gradients.clear();
    tokens = 0;
  };
  for (Request& request : requests) {
    request.value = 0.0;
    std::vector<ExamplesPart> own = parts_of(std::as_const(request));
    const std::size_t more = packed_tokens(own);
    if (more == 0) {
      *request.gradient = zeros_like(*request.adapter);
      continue;
    }
    if (tokens + more > Backend::max_batch_tokens) pass();
    for (ExamplesPart& part : own) part.adapter = static_cast<int>(sharing.size());
    tokens += more;
    std::ranges::move(own, std::back_inserter(parts));
    sharing.push_back(&request);
    ends.push_back(parts.size());
    adapters.push_back(request.adapter);
    gradients.push_back(request.gradient);
  }
  pass();
}

}  // namespace zofo::llm
