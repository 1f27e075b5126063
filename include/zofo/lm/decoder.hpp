/// @file Decoding with a key/value cache: one prefill of each prompt, then one token per decode step.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "zofo/lm/decoder_options.hpp"
#include "zofo/lm/tokens.hpp"
#include "zofo/model/kv_cache.hpp"
#include "zofo/model/transformer.hpp"

namespace zofo::llm {

/// The capacity of a cache for `count` sequences of at most `positions` positions, within the limits of
/// `options`; at least one sequence.
template <class Backend>
model::CacheCapacity cache_capacity(const DecoderOptions& options, const model::Config& config,
                                    std::size_t count, std::size_t positions) {
  const std::size_t one = model::KvCache<Backend>::bytes(config, {1, positions});
  const std::size_t bytes =
      options.cache_bytes > 0 ? options.cache_bytes : Backend::max_batch_sequences * (std::size_t{1} << 27U);
  const std::size_t most = options.sequences > 0 ? options.sequences : Backend::max_batch_sequences;
  return {std::clamp<std::size_t>(std::min(count, bytes / one), 1, most), positions};
}

/// Positions of the longest prompt with `max_tokens` tokens after it and `reserved` before it, limited by the
/// context; the last token is never read. Throws Error naming the number of a prompt that is empty or longer
/// than the context.
std::size_t sequence_positions(const model::Config& config, std::span<const Tokens> prompts,
                               std::size_t max_tokens, std::size_t reserved);

/// The choice of the most probable token, of equal ones that of the lowest id, which the device makes.
struct MostProbable {};

/// Decodes as many sequences together as the cache holds; a sequence that ends frees its slot for the next
/// prompt.
template <class Backend>
class Decoder {
 public:
  using Theta = typename Backend::Theta;    ///< the backbone
  using Vector = typename Backend::Vector;  ///< an adapter

  /// A decoder with a cache of this capacity. Borrows the transformer.
  Decoder(model::BasicTransformer<Backend>& transformer, model::CacheCapacity capacity)
      : transformer_(transformer), cache_(transformer.backend(), transformer.config(), capacity) {}

  /// Generates one of the first `limit` tokens in each decode step: choose(i, logits) returns that of
  /// sequence i, `choose` being MostProbable or a function. add(i, id) is called with each token of sequence
  /// i and returns false if the sequence ends with it. A null adapter means only the backbone. Throws Error
  /// if a sequence needs more positions than the cache has.
  template <class Choose, class Add>
  void generate(const Theta& theta, const Vector* adapter, std::span<const Tokens> prompts, std::size_t limit,
                Choose&& choose, Add&& add) {
    const int index = adapter == nullptr ? -1 : 0;
    reset();
    std::size_t next = 0;
    while (next < prompts.size() || !active_.empty()) {
      model::Batch batch;
      if (next < prompts.size() && !free_.empty()) {
        const std::size_t before = active_.size();
        while (next < prompts.size() && !free_.empty() &&
               (batch.tokens.empty() ||
                batch.tokens.size() + prompts[next].size() <= Backend::max_batch_tokens)) {
          active_.push_back({next, free_.back(), 0});
          free_.pop_back();
          append(batch, prompts[next++], index);
        }
        pass(theta, adapter, batch, before, limit, choose, add);
      } else {
        for (const Active& each : active_) append(batch, std::span(&each.last, 1), index);
        pass(theta, adapter, batch, 0, limit, choose, add);
      }
    }
  }

  /// Of the cache.
  [[nodiscard]] model::CacheCapacity capacity() const { return cache_.capacity(); }

 private:
  // A sequence that is being generated.
  struct Active {
    std::size_t prompt;
    std::uint32_t slot;
    std::int32_t last;
  };

  // Frees all slots: an earlier call that threw may have left some in use.
  void reset() {
    active_.clear();
    free_.clear();
    for (std::size_t slot = capacity().sequences; slot-- > 0;) {
      cache_.clear(slot);
      free_.push_back(static_cast<std::uint32_t>(slot));
    }
  }
  static void append(model::Batch& batch, std::span<const std::int32_t> tokens, int adapter) {
    const std::uint32_t sequence = batch.add(tokens, adapter);
    batch.targets.push_back({sequence, static_cast<std::uint32_t>(tokens.size() - 1), 0});
  }
  // Generates the next token of every active sequence from `first` on; the batch holds their tokens.
  template <class Choose, class Add>
  void pass(const Theta& theta, const Vector* adapter, const model::Batch& batch, std::size_t first,
            std::size_t limit, Choose&& choose, Add&& add) {
    slots_.clear();
    for (std::size_t i = first; i < active_.size(); ++i) slots_.push_back(active_[i].slot);
    const std::span<const Vector* const> adapters(&adapter, adapter == nullptr ? 0 : 1);
    std::vector<std::int32_t> chosen;
    if constexpr (std::same_as<std::remove_cvref_t<Choose>, MostProbable>) {
      chosen = transformer_.best_tokens(theta, batch, adapters, cache_, slots_, limit);
    } else {
      const std::vector<float> logits = transformer_.logits(theta, batch, adapters, cache_, slots_, limit);
      for (std::size_t i = first; i < active_.size(); ++i)
        chosen.push_back(choose(active_[i].prompt, std::span(logits).subspan((i - first) * limit, limit)));
    }
    std::size_t end = first;
    for (std::size_t i = first; i < active_.size(); ++i) {
      Active each = active_[i];
      each.last = chosen[i - first];
      if (add(each.prompt, each.last)) {
        active_[end++] = each;
      } else {
        cache_.clear(each.slot);
        free_.push_back(each.slot);
      }
    }
    active_.resize(end);
  }

  model::BasicTransformer<Backend>& transformer_;
  model::KvCache<Backend> cache_;
  std::vector<std::uint32_t> free_, slots_;
  std::vector<Active> active_;
};

}  // namespace zofo::llm
