/// @file Sequences that transformers of every family generate greedily, and how far rounding decides them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "../peft/mixed.hpp"
#include "zofo/lm/decoder.hpp"
#include "zofo/model/transformer.hpp"

namespace zofo::model::generated {

using llm::Tokens;

/// A case of families.json in a shape that every path takes.
inline golden::Case shaped(const std::string& name, std::uint32_t head_dim) {
  return golden::family(name).with_shape([&](Config& shape) {
    const auto narrow = static_cast<float>(shape.width);
    shape.vocab = 211;
    shape.heads = 4;
    shape.kv_heads = shape.architecture == Architecture::opt ? 4 : 2;
    shape.head_dim = head_dim;
    shape.width = 4 * head_dim;
    shape.ffn = 3 * head_dim;
    shape.layers = 2;
    if (!shape.kinds.empty()) shape.kinds.resize(2);
    shape.context = 300;
    if (shape.projected()) shape.embedding_width = 2 * head_dim;
    if (shape.window > 0) shape.window = 9;
    // Logits grow with the width; above the cap all would be alike.
    shape.logit_cap *= static_cast<float>(shape.width) / narrow;
  });
}

inline const std::vector<const char*> families{"llama 2",   "llama 3.1", "mistral", "qwen2",   "125m type",
                                               "350m type", "ministral", "qwen3",   "gemma 2", "gemma 3",
                                               "smollm3",   "olmo 2",    "granite"};

inline const std::vector<Tokens> prompts{
    {3, 61, 17}, {5}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 33}, {40, 41}, Tokens(150, 7), {12, 60, 12}};

/// What is written after each prompt, `most` tokens.
template <class Backend>
std::vector<Tokens> written(BasicTransformer<Backend>& transformer, const typename Backend::Theta& theta,
                            const typename Backend::Vector* adapter, std::size_t most, std::size_t at_once) {
  const Config& config = transformer.config();
  const std::size_t taken =
      adapter == nullptr ? 0 : transformer.adapters().virtual_tokens(transformer.adapters().first());
  llm::Decoder<Backend> writer(transformer, {at_once, llm::sequence_positions(config, prompts, most, taken)});
  std::vector<Tokens> sequences(prompts.size());
  writer.generate(theta, adapter, prompts, config.vocab, llm::MostProbable{},
                  [&](std::size_t i, std::int32_t id) {
                    sequences[i].push_back(id);
                    return sequences[i].size() < most + i % 2;  // some leave before the others
                  });
  return sequences;
}

/// How many tokens each of these sequences begins with whose log-probability is above all others by more than
/// `margin`.
inline std::vector<std::size_t> clear_choices(const golden::Case& c, Transformer& transformer,
                                              const Eigen::VectorXf& adapter,
                                              const std::vector<Tokens>& sequences, double margin) {
  Batch batch;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Tokens all = prompts[i];
    all.insert(all.end(), sequences[i].begin(), sequences[i].end() - 1);
    const std::uint32_t sequence = batch.add(all, 0);
    for (std::size_t t = prompts[i].size() - 1; t < all.size(); ++t)
      for (std::uint32_t id = 0; id < c.shape.vocab; ++id)
        batch.targets.push_back({sequence, static_cast<std::uint32_t>(t), static_cast<std::int32_t>(id)});
  }
  const Eigen::VectorXf* const adapters[] = {&adapter};
  std::vector<double> log_p = transformer.log_probabilities(c.theta, batch, adapters);
  std::vector<std::size_t> clear;
  auto row = log_p.begin();
  for (const Tokens& sequence : sequences) {
    std::size_t count = sequence.size();
    for (std::size_t t = 0; t < sequence.size(); ++t, row += c.shape.vocab) {
      std::partial_sort(row, row + 2, row + c.shape.vocab, std::greater<>());
      if (row[0] - row[1] <= margin) count = std::min(count, t);
    }
    clear.push_back(count);
  }
  return clear;
}

}  // namespace zofo::model::generated
