/// @file The checkpoints of tests/golden/hub (tests/golden/generators/hub_torch.py) and the logits that
/// transformers computes for them.
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "zofo/model/transformer.hpp"

namespace zofo::llm::hub {

/// Names of all checkpoints.
inline constexpr const char* names[] = {"llama",          "llama3",       "llama-linear", "mistral",
                                        "qwen2",          "opt",          "opt-bare",     "opt-350m",
                                        "llama-head",     "llama-biases", "llama-yarn",   "llama-dynamic",
                                        "mistral-layers", "qwen3",        "gemma2",       "gemma3",
                                        "smollm3",        "phi3",         "olmo2",        "granite"};

/// A checkpoint's folder.
inline std::filesystem::path folder(const std::string& name) {
  return std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden" / "hub" / name;
}

/// Largest difference between the model's log-probabilities of every token at every position and those of
/// the logits in a golden folder; infinite if one is not a number. The adapter may be null.
inline double largest_difference(const model::Parameters& theta, const std::filesystem::path& golden_folder,
                                 peft::Adapters layout, const Eigen::VectorXf* adapter) {
  std::ifstream file(golden_folder / "logits.json");
  const nlohmann::json golden = nlohmann::json::parse(file);
  const std::vector<std::vector<double>> logits = golden.at("logits");
  model::Batch batch;
  batch.add(golden.at("tokens").get<std::vector<int>>(), adapter == nullptr ? -1 : 0);
  for (std::size_t position = 0; position < logits.size(); ++position)
    for (std::size_t token = 0; token < logits[position].size(); ++token)
      batch.targets.push_back({0, static_cast<std::uint32_t>(position), static_cast<int>(token)});
  model::Transformer transformer(theta.config(), std::move(layout));
  std::vector<const Eigen::VectorXf*> adapters;
  if (adapter != nullptr) adapters.push_back(adapter);
  const std::vector<double> got = transformer.log_probabilities(theta, batch, adapters);
  double largest = 0.0;
  std::size_t at = 0;
  for (const auto& row : logits) {
    double sum = 0.0;
    for (const double logit : row) sum += std::exp(logit);
    for (const double logit : row) {
      const double difference = std::abs(got.at(at++) - (logit - std::log(sum)));
      if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
    }
  }
  return largest;
}
/// The same for a checkpoint's own logits.
inline double largest_difference(const model::Parameters& theta, const std::string& name) {
  return largest_difference(theta, folder(name), peft::Lora(theta.config(), {}), nullptr);
}

}  // namespace zofo::llm::hub
