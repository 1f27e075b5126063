/// @file Greedy writing with a key/value cache: each prompt is read once, then a token costs a token.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/lm/tokens.hpp"
#include "zofo/model/kv_cache.hpp"
#include "zofo/model/transformer.hpp"

namespace zofo::llm {

/// How much is written at once.
struct GreedyOptions {
  std::size_t sequences = 0;    ///< texts that share a pass at most; 0: as many as suit the device
  std::size_t cache_bytes = 0;  ///< of keys and values; 0: 128 MiB for each text that suits the device

  /// Throws Error naming the field out of range.
  void check() const {
    require(sequences <= 1U << 16U, "greedy: sequences = {}: must be in [0, {}]", sequences, 1U << 16U);
  }
  /// The cache of `count` texts of at most `positions` positions each; one has room in any case.
  template <class Backend>
  [[nodiscard]] model::CacheCapacity capacity(const model::Config& config, std::size_t count,
                                              std::size_t positions) const {
    const std::size_t one = model::KvCache<Backend>::bytes(config, {1, positions});
    const std::size_t bytes =
        cache_bytes > 0 ? cache_bytes : Backend::max_batch_sequences * (std::size_t{1} << 27U);
    const std::size_t most = sequences > 0 ? sequences : Backend::max_batch_sequences;
    return {std::clamp<std::size_t>(std::min(count, bytes / one), 1, most), positions};
  }
};

/// Positions of the longest prompt with `most` tokens after it and `taken` before, as far as the context
/// goes; the last token is never read. Throws Error (its number) if a prompt leaves no room for a token.
inline std::size_t sequence_positions(const model::Config& config, std::span<const Tokens> prompts,
                                      std::size_t most, std::size_t taken) {
  std::size_t longest = 1;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::size_t read = prompts[i].size() + taken;
    require(!prompts[i].empty(), "prompt {}: has zero tokens: must have at least 1", i + 1);
    require(read <= config.context, "prompt {}: has {} tokens: the model's context is {}{}", i + 1,
            prompts[i].size(), config.context,
            taken > 0 ? fmt::format(", of which the adapter takes {}", taken) : "");
    longest = std::max(longest, read + std::min<std::size_t>(most - 1, config.context - read));
  }
  return longest;
}

/// Writes after all prompts at once, as many as the cache holds; a text that ends makes room for the next.
template <class Backend>
class GreedyDecoder {
 public:
  using Theta = typename Backend::Theta;
  using Vector = typename Backend::Vector;

  /// Module for texts of `extent`. Borrows the transformer.
  GreedyDecoder(model::BasicTransformer<Backend>& transformer, model::CacheCapacity capacity)
      : transformer_(transformer), cache_(transformer.backend(), transformer.config(), capacity) {}

  /// Chooses the most probable of the first `limit` tokens again and again, ties going to the lower id.
  /// add(i, id) is told each token of text i and returns false where the text ends with it. A null adapter
  /// means θ alone. Throws Error where a text outgrows the cache.
  template <class Add>
  void write(const Theta& theta, const Vector* adapter, std::span<const Tokens> prompts, std::size_t limit,
             Add&& add) {
    const int of_all = adapter == nullptr ? -1 : 0;
    begin();
    std::size_t next = 0;
    while (next < prompts.size() || !texts_.empty()) {
      model::Batch batch;
      if (next < prompts.size() && !free_.empty()) {
        const std::size_t before = texts_.size();
        while (next < prompts.size() && !free_.empty() &&
               (batch.tokens.empty() ||
                batch.tokens.size() + prompts[next].size() <= Backend::max_batch_tokens)) {
          texts_.push_back({next, free_.back(), 0});
          free_.pop_back();
          put(batch, prompts[next++], of_all);
        }
        pass(theta, adapter, batch, before, limit, add);
      } else {
        for (const Text& text : texts_) put(batch, std::span(&text.last, 1), of_all);
        pass(theta, adapter, batch, 0, limit, add);
      }
    }
  }

  [[nodiscard]] model::CacheCapacity capacity() const { return cache_.capacity(); }

 private:
  // A text under way.
  struct Text {
    std::size_t prompt;
    std::uint32_t slot;
    std::int32_t last;
  };

  // All slots are free, whatever a call before that threw has left.
  void begin() {
    texts_.clear();
    free_.clear();
    for (std::size_t slot = capacity().sequences; slot-- > 0;) {
      cache_.clear(slot);
      free_.push_back(static_cast<std::uint32_t>(slot));
    }
  }
  static void put(model::Batch& batch, std::span<const std::int32_t> tokens, int adapter) {
    const std::uint32_t sequence = batch.add(tokens, adapter);
    batch.targets.push_back({sequence, static_cast<std::uint32_t>(tokens.size() - 1), 0});
  }
  // The next token of every text from `first` on, whose tokens the batch holds.
  template <class Add>
  void pass(const Theta& theta, const Vector* adapter, const model::Batch& batch, std::size_t first,
            std::size_t limit, Add&& add) {
    slots_.clear();
    for (std::size_t i = first; i < texts_.size(); ++i) slots_.push_back(texts_[i].slot);
    const std::span<const Vector* const> adapters(&adapter, adapter == nullptr ? 0 : 1);
    const std::vector<std::int32_t> best =
        transformer_.best_tokens(theta, batch, adapters, cache_, slots_, limit);
    std::size_t kept = first;
    for (std::size_t i = first; i < texts_.size(); ++i) {
      Text text = texts_[i];
      text.last = best[i - first];
      if (add(text.prompt, text.last)) {
        texts_[kept++] = text;
      } else {
        cache_.clear(text.slot);
        free_.push_back(text.slot);
      }
    }
    texts_.resize(kept);
  }

  model::BasicTransformer<Backend>& transformer_;
  model::KvCache<Backend> cache_;
  std::vector<std::uint32_t> free_, slots_;
  std::vector<Text> texts_;
};

}  // namespace zofo::llm
