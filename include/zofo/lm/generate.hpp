/// @file Generation of texts: with a key/value cache, and a simple greedy reference without one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zofo/lm/decoder.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/lm/generation_state.hpp"
#include "zofo/lm/generator.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/lm/sampler.hpp"

namespace zofo::llm {

namespace detail {

/// Positions of each sequence's context for the virtual tokens of an adapter of the first kind.
template <class Backend>
std::size_t reserved_positions(const model::BasicTransformer<Backend>& transformer,
                               const typename Backend::Vector* adapter) {
  const peft::Adapters& layouts = transformer.adapters();
  return adapter == nullptr ? 0 : layouts.virtual_tokens(layouts.first());
}
/// Generations that have only their prompts. Throws Error for a prompt that is empty or longer than the
/// context.
template <class Backend>
std::vector<Generation> generations(const model::BasicTransformer<Backend>& transformer,
                                    const typename Backend::Vector* adapter,
                                    std::span<const Tokens> prompts) {
  const std::size_t reserved = reserved_positions(transformer, adapter);
  sequence_positions(transformer.config(), prompts, 1, reserved);
  std::vector<Generation> all;
  for (const Tokens& prompt : prompts) all.push_back({prompt, prompt.size(), reserved});
  return all;
}
inline std::vector<std::string> generated_texts(std::vector<Generation>&& all) {
  std::vector<std::string> texts;
  for (Generation& each : all) texts.push_back(std::move(each.text));
  return texts;
}

}  // namespace detail

/// The capacity of the cache that `decode` uses. Throws Error as `decode` does.
template <class Backend>
model::CacheCapacity cache_capacity(const model::BasicTransformer<Backend>& transformer,
                                    const typename Backend::Vector* adapter, std::span<const Tokens> prompts,
                                    const EndOfText& end, const DecoderOptions& options) {
  options.check();
  end.check();
  const std::size_t reserved = detail::reserved_positions(transformer, adapter);
  const std::size_t positions = sequence_positions(transformer.config(), prompts, end.max_tokens, reserved);
  return cache_capacity<Backend>(options, transformer.config(), prompts.size(), positions);
}

/// How texts are decoded.
struct Decoding {
  DecoderOptions limits{};            ///< how many together
  SamplingOptions sampling{};         ///< how tokens are chosen; the default is greedy
  std::span<const SampleKey> keys{};  ///< of each text; empty: text i is sample 0 of prompt i
};

/// Decoding with a key/value cache: each step chooses a token by the options; greedily the most probable, of
/// equal ones that of the lowest id. `on_token`, if given, is called after each token. Throws Error for a
/// prompt that is empty or longer than the context, or if there is not one key per prompt.
template <class Backend>
std::vector<Generation> decode(const Model& model, model::BasicTransformer<Backend>& transformer,
                               const typename Backend::Theta& theta, const typename Backend::Vector* adapter,
                               std::span<const Tokens> prompts, const EndOfText& end,
                               const Decoding& how = {}, const TokenObserver& on_token = {}) {
  const model::CacheCapacity capacity = cache_capacity(transformer, adapter, prompts, end, how.limits);
  require(how.keys.empty() || how.keys.size() == prompts.size(), "sampling: {} keys for {} prompts",
          how.keys.size(), prompts.size());
  Sampler sampler(how.sampling);
  std::vector<Generation> all = detail::generations(transformer, adapter, prompts);
  if (all.empty()) return all;
  Decoder<Backend> decoder(transformer, capacity);
  const auto add = [&](std::size_t i, std::int32_t id) {
    const bool more = all[i].add(model, id, end);
    if (on_token) on_token(i, all[i]);
    return more;
  };
  const auto sample = [&](std::size_t i, std::span<const float> logits) {
    const SampleKey key = how.keys.empty() ? SampleKey{static_cast<std::uint32_t>(i), 0} : how.keys[i];
    return sampler.next(logits, all[i].tokens, key, static_cast<std::uint32_t>(all[i].generated()));
  };
  const std::size_t limit = model.tokenizer.rows();
  if (how.sampling.takes_best())
    decoder.generate(theta, adapter, prompts, limit, MostProbable{}, add);
  else
    decoder.generate(theta, adapter, prompts, limit, sample, add);
  return all;
}
/// The texts of greedy decoding.
template <class Backend>
std::vector<std::string> cached_greedy_sequences(const Model& model,
                                                 model::BasicTransformer<Backend>& transformer,
                                                 const typename Backend::Theta& theta,
                                                 const typename Backend::Vector* adapter,
                                                 std::span<const Tokens> prompts, const EndOfText& end,
                                                 const DecoderOptions& options = {}) {
  return detail::generated_texts(decode(model, transformer, theta, adapter, prompts, end, {options}));
}

/// The reference of greedy decoding without a cache: each step reads the whole sequence again. Slow. Of
/// equally probable tokens the lowest id is generated. Throws Error for a prompt that is empty or longer than
/// the context.
template <class Backend>
std::vector<std::string> greedy_sequences(const Model& model, model::BasicTransformer<Backend>& transformer,
                                          const typename Backend::Theta& theta,
                                          const typename Backend::Vector* adapter,
                                          std::span<const Tokens> prompts, const EndOfText& end) {
  end.check();
  std::vector<Generation> all = detail::generations(transformer, adapter, prompts);
  const auto vocabulary = static_cast<std::int32_t>(model.tokenizer.rows());
  for (bool more = true; more;) {
    more = false;
    for (std::size_t next = 0; next < all.size();) {
      model::Batch batch;
      std::vector<Generation*> packed;
      for (; next < all.size() && batch.tokens.size() < Backend::max_batch_tokens; ++next) {
        if (all[next].ending != Ending::none) continue;
        const std::uint32_t sequence = batch.add(all[next].tokens, adapter == nullptr ? -1 : 0);
        const auto last = static_cast<std::uint32_t>(all[next].tokens.size() - 1);
        for (std::int32_t id = 0; id < vocabulary; ++id) batch.targets.push_back({sequence, last, id});
        packed.push_back(&all[next]);
      }
      if (packed.empty()) continue;
      more = true;
      const std::vector<double> logprobs = log_probabilities(transformer, theta, adapter, batch);
      for (std::size_t i = 0; i < packed.size(); ++i) {
        const auto of_one = std::span(logprobs).subspan(i * static_cast<std::size_t>(vocabulary),
                                                        static_cast<std::size_t>(vocabulary));
        const auto best = std::ranges::max_element(of_one) - of_one.begin();
        packed[i]->add(model, static_cast<std::int32_t>(best), end);
      }
    }
  }
  return detail::generated_texts(std::move(all));
}

/// Tokens of the longest prefill pass.
template <class Backend>
std::size_t prefill_tokens(std::span<const Tokens> prompts) {
  std::size_t longest = 0, all = 0;
  for (const Tokens& each : prompts) {
    longest = std::max(longest, each.size());
    all += each.size();
  }
  return std::max(longest, std::min(all, Backend::max_batch_tokens));
}

}  // namespace zofo::llm
