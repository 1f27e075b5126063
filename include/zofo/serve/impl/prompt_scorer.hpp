/// @file Log-probabilities of a prompt's tokens and of their alternatives.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "zofo/core/chunks.hpp"
#include "zofo/core/error.hpp"
#include "zofo/lm/pass_adapters.hpp"
#include "zofo/lm/token_logprob.hpp"
#include "zofo/model/kv_cache.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/serve/queue.hpp"
#include "zofo/train/impl/adapter_set.hpp"

namespace zofo::serve {

/// Reads prompts in passes of about Backend::max_batch_tokens tokens. For one thread.
template <class Backend>
class PromptScorer {
 public:
  using Vector = typename Backend::Vector;  ///< an adapter

  /// Borrows the transformer and the adapters. A token's alternatives are among the first `rows` tokens.
  PromptScorer(model::BasicTransformer<Backend>& transformer, const llm::SelectedAdapters<Vector>& adapters,
               std::size_t rows)
      : transformer_(transformer), adapters_(adapters), rows_(rows) {}

  /// Whether a further prompt fits into the pass of `group`.
  [[nodiscard]] bool fits(std::span<const Place> group, const Place& place) const {
    std::size_t longest = length(place), targets = length(place);
    for (const Place& each : group) {
      longest = std::max(longest, length(each));
      targets += length(each);
    }
    return (group.size() + 1) * longest <= Backend::max_batch_tokens && targets <= most_targets();
  }

  /// What the prompts of a group give.
  struct Scores {
    std::vector<std::vector<llm::TokenLogprob>> tokens = {};  ///< [prompt][token]
    std::vector<std::vector<float>> last = {};                ///< [prompt][token of the vocabulary]
  };
  /// The log-probabilities of every prompt's tokens, NaN for the first, and the logits after each prompt.
  /// Throws Error if a logit is NaN, or where memory is short.
  template <class Theta>
  Scores score(const Theta& theta, std::span<const Place> group) {
    Scores scores;
    model::Batch batch;
    llm::PassAdapters<Vector> used;
    std::vector<std::uint32_t> slots;
    std::vector<model::Target> targets;
    std::size_t longest = 0;
    for (const Place& each : group) {
      const llm::Tokens& tokens = each.answer().generation.tokens;
      const std::uint32_t sequence = batch.add(tokens, adapter_of(each.job->adapter, batch, used));
      slots.push_back(sequence);
      longest = std::max(longest, length(each));
      for (std::uint32_t p = 0; p < tokens.size(); ++p)
        targets.push_back({sequence, p, p + 1 < tokens.size() ? tokens[p + 1] : -1});
      std::vector<llm::TokenLogprob>& of_prompt = scores.tokens.emplace_back(tokens.size());
      of_prompt.front() = {tokens.front(), std::numeric_limits<double>::quiet_NaN()};
      scores.last.emplace_back();
    }
    model::KvCache<Backend>& cache = cache_of({group.size(), longest});
    for (std::size_t first = 0; first < targets.size(); first += most_targets()) {
      const std::size_t count = std::min(most_targets(), targets.size() - first);
      const std::span<const model::Target> part = std::span(targets).subspan(first, count);
      batch.targets.assign(part.begin(), part.end());
      for (model::Target& each : batch.targets) each.token = 0;
      for (const std::uint32_t slot : slots) cache.clear(slot);
      const std::size_t vocab = transformer_.config().vocab;
      const std::vector<float> logits = transformer_.logits(theta, batch, used.all(), cache, slots, vocab);
      take(group, part, logits, scores);
    }
    return scores;
  }

 private:
  static std::size_t length(const Place& place) {
    const llm::Generation& generation = place.answer().generation;
    return generation.tokens.size() + generation.reserved;
  }
  // Logits of so many positions are in memory together: 256 MiB.
  [[nodiscard]] std::size_t most_targets() const {
    return std::max<std::size_t>((std::size_t{1} << 26U) / transformer_.config().vocab, 1);
  }
  // The index of an adapter in the pass.
  int adapter_of(int adapter, model::Batch& batch, llm::PassAdapters<Vector>& used) const {
    if (adapter < 0) return -1;
    const auto& selected = adapters_.adapters[static_cast<std::size_t>(adapter)];
    return used.index(batch, selected.values, selected.kind);
  }
  model::KvCache<Backend>& cache_of(model::CacheCapacity capacity) {
    const bool enough = cache_ && cache_->capacity().sequences >= capacity.sequences &&
                        cache_->capacity().positions >= capacity.positions;
    if (enough) return *cache_;
    cache_.reset();  // before the next one is allocated
    return cache_.emplace(transformer_.backend(), transformer_.config(), capacity);
  }
  // Takes the log-probabilities of some targets from their logits.
  void take(std::span<const Place> group, std::span<const model::Target> targets,
            std::span<const float> logits, Scores& scores) const {
    const std::size_t vocab = transformer_.config().vocab;
    std::mutex mutex;
    std::string failure;  // an exception must not leave a parallel loop
    for_each_chunk(targets.size(), 8, [&](std::size_t first, std::size_t count) {
      for (std::size_t i = first; i < first + count; ++i) {
        const model::Target& target = targets[i];
        const std::span<const float> row = logits.subspan(i * vocab, vocab);
        if (target.token < 0) {
          scores.last[target.sequence].assign(row.begin(), row.end());
          continue;
        }
        try {
          const std::size_t top = group[target.sequence].job->request.logprobs.value_or(0);
          scores.tokens[target.sequence][target.position + 1] =
              llm::token_logprob(row, target.token, top, rows_);
        } catch (const Error& error) {
          const std::lock_guard lock(mutex);
          failure = error.what();
        }
      }
    });
    require(failure.empty(), "{}", failure);
  }

  model::BasicTransformer<Backend>& transformer_;
  const llm::SelectedAdapters<Vector>& adapters_;
  std::size_t rows_;
  std::optional<model::KvCache<Backend>> cache_;
};

}  // namespace zofo::serve
