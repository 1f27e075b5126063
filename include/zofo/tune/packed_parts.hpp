/// @file Losses of several sets of rows, each under an adapter of its own, in one packed pass.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/tune/examples_batch.hpp"

namespace zofo::tune {

/// Tokens that a row takes in a packed pass, at most.
inline std::size_t packed_tokens(const EncodedRow& row) {
  const std::size_t copies = row.options->single() ? 1 : row.options->options.size();
  return copies * (row.prompt.size() + row.options->longest());
}

/// Rows under one adapter. Its loss is the mean loss of the rows; 0 for no rows.
struct RowsPart {
  std::vector<const EncodedRow*> rows;
  int adapter = -1;     ///< index into the adapters of the call, −1: none
  double weight = 1.0;  ///< of its loss in the gradient
};

/// Parts one after the other. Those of one adapter should be neighbours (model::Batch).
inline model::Batch pack_parts(std::span<const RowsPart> parts) {
  model::Batch batch;
  for (const RowsPart& part : parts)
    for (const EncodedRow* row : part.rows) pack_row(batch, *row, part.adapter);
  return batch;
}

/// The loss of each part; `slopes`, if not empty, gains weight × the gradient of it in each log-probability.
inline std::vector<double> losses_of_parts(std::span<const double> logprobs, std::span<const RowsPart> parts,
                                           std::span<double> slopes = {}) {
  std::vector<double> losses;
  std::size_t at = 0;
  for (const RowsPart& part : parts) {
    if (part.rows.empty()) {
      losses.push_back(0.0);
      continue;
    }
    const std::size_t length = targets_of(part.rows);
    losses.push_back(mean_loss(logprobs.subspan(at, length), part.rows, part.weight,
                               slopes.empty() ? slopes : slopes.subspan(at, length)));
    at += length;
  }
  return losses;
}

/// Losses of the parts at every probe, [probe][part]; one pass a group of probes.
template <class Backend, class Law>
std::vector<std::vector<double>> part_losses(model::BasicTransformer<Backend>& transformer,
                                             const typename Backend::Theta& theta, const Law& law,
                                             std::span<const Probe> probes, std::span<const RowsPart> parts,
                                             std::span<const typename Backend::Vector* const> adapters) {
  std::vector<std::vector<double>> losses;
  for (const auto& logprobs : transformer.log_probabilities(theta, law, probes, pack_parts(parts), adapters))
    losses.push_back(losses_of_parts(logprobs, parts));
  return losses;
}

/// Losses of the parts; gradients[i] becomes that of Σ weight × loss over the parts of adapter i.
template <class Backend>
std::vector<double> part_gradients(model::BasicTransformer<Backend>& transformer,
                                   const typename Backend::Theta& theta, std::span<const RowsPart> parts,
                                   std::span<const typename Backend::Vector* const> adapters,
                                   std::span<typename Backend::Vector* const> gradients) {
  std::vector<double> losses;
  const auto loss = [&](std::span<const double> logprobs, std::span<double> slopes) {
    std::ranges::fill(slopes, 0.0);
    losses = losses_of_parts(logprobs, parts, slopes);
    double sum = 0.0;
    for (std::size_t i = 0; i < parts.size(); ++i) sum += parts[i].weight * losses[i];
    return sum;
  };
  transformer.value_and_gradient(theta, pack_parts(parts), adapters, loss, gradients);
  return losses;
}

}  // namespace zofo::tune
