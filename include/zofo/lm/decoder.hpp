/// @file Decoding with a key/value cache: one prefill of each prompt, then one token per decode step.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "zofo/lm/decoder_options.hpp"
#include "zofo/lm/pass_adapters.hpp"
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
struct MostProbable {
  [[nodiscard]] static bool takes_best() { return true; }  ///< of every sequence
};

/// How many of a model's tokens may be chosen.
struct TokenLimits {
  std::size_t chosen = 0;  ///< a token is one of the first so many
  std::size_t logits = 0;  ///< a function that chooses gets the logits of the first so many
};

/// The adapters of a decoder's calls.
template <class Vector>
struct DecoderAdapters {
  std::span<const Vector* const> values = {};  ///< borrowed
  std::span<const peft::Kind> kinds = {};      ///< of each; empty: the transformer's first kind for all
};

/// What a sequence begins with. Borrows the tokens until the next call that asks for one.
struct DecoderPrompt {
  std::span<const std::int32_t> tokens = {};  ///< at least one
  int adapter = -1;                           ///< index of the sequence's adapter; −1: none
};

/// Decodes as many sequences together as the cache holds; a sequence that ends frees its slot for the next
/// prompt.
template <class Backend>
class Decoder {
 public:
  using Theta = typename Backend::Theta;     ///< the backbone
  using Vector = typename Backend::Vector;   ///< an adapter
  using Adapters = DecoderAdapters<Vector>;  ///< those of a call

  /// A decoder with a cache of this capacity. Borrows the transformer.
  Decoder(model::BasicTransformer<Backend>& transformer, model::CacheCapacity capacity)
      : transformer_(transformer), cache_(transformer.backend(), transformer.config(), capacity) {}

  /// Generates a token of every sequence in each decode step: choose(i, logits) returns that of sequence i.
  /// Where `choose` has takes_best() and it returns true, the device takes the most probable one instead.
  /// add(i, id) is called with each token of sequence i and returns false if the sequence ends with it.
  /// next(most) returns the next sequence, whose number is one more than that of the one before, if its
  /// prompt has at most `most` tokens; else an empty optional. It is called before each pass while slots are
  /// free, so that sequences may arrive during the generation, which ends when there is none. Throws Error if
  /// a sequence needs more positions than the cache has.
  template <class Next, class Choose, class Add>
  void generate(const Theta& theta, const Adapters& adapters, Next&& next, TokenLimits limits,
                Choose&& choose, Add&& add) {
    reset();
    std::size_t count = 0;
    while (true) {
      model::Batch batch;
      used_.clear();
      const std::size_t before = active_.size();
      while (!free_.empty()) {
        const std::size_t full =
            Backend::max_batch_tokens - std::min(batch.tokens.size(), Backend::max_batch_tokens);
        const std::optional<DecoderPrompt> prompt =
            next(batch.tokens.empty() ? std::numeric_limits<std::size_t>::max() : full);
        if (!prompt) break;
        active_.push_back({count++, free_.back(), 0, prompt->adapter});
        free_.pop_back();
        append(batch, prompt->tokens, adapters, prompt->adapter);
      }
      if (active_.empty()) return;
      const bool prefills = active_.size() > before;
      if (!prefills)
        for (const Active& each : active_) append(batch, std::span(&each.last, 1), adapters, each.adapter);
      pass(theta, batch, prefills ? before : 0, limits, choose, add);
      // Neighbours of one adapter share a product.
      if (prefills && !adapters.values.empty()) std::ranges::stable_sort(active_, {}, &Active::adapter);
    }
  }
  /// The same for prompts that are all known, with at most one adapter; null means only the backbone.
  template <class Choose, class Add>
  void generate(const Theta& theta, const Vector* adapter, std::span<const Tokens> prompts, std::size_t limit,
                Choose&& choose, Add&& add) {
    std::size_t given = 0;
    const auto next = [&](std::size_t most) -> std::optional<DecoderPrompt> {
      if (given == prompts.size() || prompts[given].size() > most) return {};
      return DecoderPrompt{prompts[given++], adapter == nullptr ? -1 : 0};
    };
    const std::span<const Vector* const> values(&adapter, adapter == nullptr ? 0 : 1);
    generate(theta, Adapters{values}, next, {limit, limit}, choose, add);
  }

  /// Of the cache.
  [[nodiscard]] model::CacheCapacity capacity() const { return cache_.capacity(); }

 private:
  // A sequence that is being generated.
  struct Active {
    std::size_t number;
    std::uint32_t slot;
    std::int32_t last;
    int adapter;
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
  void append(model::Batch& batch, std::span<const std::int32_t> tokens, const Adapters& adapters,
              int adapter) {
    const Vector* values = nullptr;
    std::optional<peft::Kind> kind;
    if (adapter >= 0) {
      const auto i = static_cast<std::size_t>(adapter);
      values = adapters.values[i];
      if (!adapters.kinds.empty()) kind = adapters.kinds[i];
    }
    const std::uint32_t sequence = batch.add(tokens, used_.index(batch, values, kind));
    batch.targets.push_back({sequence, static_cast<std::uint32_t>(tokens.size() - 1), 0});
  }
  // Whether the device chooses.
  template <class Choose>
  static bool takes_best(const Choose& choose) {
    if constexpr (requires { choose.takes_best(); })
      return choose.takes_best();
    else
      return false;
  }
  // Generates the next token of every active sequence from `first` on; the batch holds their tokens.
  template <class Choose, class Add>
  void pass(const Theta& theta, const model::Batch& batch, std::size_t first, TokenLimits limits,
            Choose&& choose, Add&& add) {
    slots_.clear();
    for (std::size_t i = first; i < active_.size(); ++i) slots_.push_back(active_[i].slot);
    std::vector<std::int32_t> chosen;
    if (takes_best(choose))
      chosen = transformer_.best_tokens(theta, batch, used_.all(), cache_, slots_, limits.chosen);
    else if constexpr (!std::same_as<std::remove_cvref_t<Choose>, MostProbable>) {
      const std::size_t n = limits.logits;
      const std::vector<float> logits = transformer_.logits(theta, batch, used_.all(), cache_, slots_, n);
      for (std::size_t i = first; i < active_.size(); ++i)
        chosen.push_back(choose(active_[i].number, std::span(logits).subspan((i - first) * n, n)));
    }
    std::size_t end = first;
    for (std::size_t i = first; i < active_.size(); ++i) {
      Active each = active_[i];
      each.last = chosen[i - first];
      if (add(each.number, each.last)) {
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
  PassAdapters<Vector> used_;  // of the pass
  std::vector<std::uint32_t> free_, slots_;
  std::vector<Active> active_;
};

}  // namespace zofo::llm
