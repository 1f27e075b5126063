/// @file Texts written by a model: the seam for a generator, one with a key/value cache and the simplest one,
/// and the figures of what it wrote.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zofo/data/answer_metrics.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/lm/generation_state.hpp"
#include "zofo/lm/greedy_decoder.hpp"
#include "zofo/lm/language_model.hpp"

namespace zofo::llm {

/// Writes a text after each prompt; whatever offers this can take the place of greedy_sequences.
using Generator =
    std::function<std::vector<std::string>(std::span<const Tokens> prompts, const EndOfText& end)>;

namespace detail {

/// Positions that an adapter of the first kind takes of each text's context.
template <class Backend>
std::size_t reserved_positions(const model::BasicTransformer<Backend>& transformer,
                            const typename Backend::Vector* adapter) {
  const peft::Adapters& layouts = transformer.adapters();
  return adapter == nullptr ? 0 : layouts.virtual_tokens(layouts.first());
}
/// What is to be written after each prompt. Throws Error on a prompt without a token or beyond the context.
template <class Backend>
std::vector<Generation> generations(const model::BasicTransformer<Backend>& transformer,
                                    const typename Backend::Vector* adapter,
                                    std::span<const Tokens> prompts) {
  const std::size_t taken = reserved_positions(transformer, adapter);
  sequence_positions(transformer.config(), prompts, 1, taken);
  std::vector<Generation> all;
  for (const Tokens& prompt : prompts) all.push_back({prompt, prompt.size(), taken});
  return all;
}
inline std::vector<std::string> generated_texts(std::vector<Generation>&& all) {
  std::vector<std::string> texts;
  for (Generation& each : all) texts.push_back(std::move(each.text));
  return texts;
}

}  // namespace detail

/// The cache that greedy_decode takes. Throws Error as it does.
template <class Backend>
model::CacheCapacity cache_capacity(const model::BasicTransformer<Backend>& transformer,
                                     const typename Backend::Vector* adapter, std::span<const Tokens> prompts,
                                     const EndOfText& end, const GreedyOptions& options) {
  options.check();
  end.check();
  const std::size_t taken = detail::reserved_positions(transformer, adapter);
  const std::size_t positions = sequence_positions(transformer.config(), prompts, end.max_tokens, taken);
  return options.template capacity<Backend>(transformer.config(), prompts.size(), positions);
}

/// The most probable token again and again, each prompt read once into a key/value cache and each token
/// after it once. Ties go to the lower id. `told(i, writing)`, if given, hears of text i after each token.
/// Throws Error on a prompt without a token or beyond the context.
template <class Backend>
std::vector<Generation> greedy_decode(const Model& model, model::BasicTransformer<Backend>& transformer,
                                      const typename Backend::Theta& theta,
                                      const typename Backend::Vector* adapter,
                                      std::span<const Tokens> prompts, const EndOfText& end,
                                      const GreedyOptions& options = {},
                                      const std::function<void(std::size_t, const Generation&)>& told = {}) {
  const model::CacheCapacity capacity = cache_capacity(transformer, adapter, prompts, end, options);
  std::vector<Generation> all = detail::generations(transformer, adapter, prompts);
  if (all.empty()) return all;
  GreedyDecoder<Backend> writer(transformer, capacity);
  writer.write(theta, adapter, prompts, model.tokenizer.size(), [&](std::size_t i, std::int32_t id) {
    const bool more = all[i].add(model, id, end);
    if (told) told(i, all[i]);
    return more;
  });
  return all;
}
/// Its texts alone.
template <class Backend>
std::vector<std::string> cached_greedy_sequences(const Model& model,
                                                 model::BasicTransformer<Backend>& transformer,
                                                 const typename Backend::Theta& theta,
                                                 const typename Backend::Vector* adapter,
                                                 std::span<const Tokens> prompts, const EndOfText& end,
                                                 const GreedyOptions& options = {}) {
  return detail::generated_texts(greedy_decode(model, transformer, theta, adapter, prompts, end, options));
}

/// The most probable token again and again, the whole text read again for each: slow, and what a faster
/// generator must agree with. Ties go to the lower id. Throws Error on a prompt without a token or beyond the
/// context.
template <class Backend>
std::vector<std::string> greedy_sequences(const Model& model, model::BasicTransformer<Backend>& transformer,
                                          const typename Backend::Theta& theta,
                                          const typename Backend::Vector* adapter,
                                          std::span<const Tokens> prompts, const EndOfText& end) {
  end.check();
  std::vector<Generation> all = detail::generations(transformer, adapter, prompts);
  const auto vocabulary = static_cast<std::int32_t>(model.tokenizer.size());
  for (bool more = true; more;) {
    more = false;
    for (std::size_t next = 0; next < all.size();) {
      model::Batch batch;
      std::vector<Generation*> written;
      for (; next < all.size() && batch.tokens.size() < Backend::max_batch_tokens; ++next) {
        if (all[next].ending != Ending::none) continue;
        const std::uint32_t sequence = batch.add(all[next].tokens, adapter == nullptr ? -1 : 0);
        const auto last = static_cast<std::uint32_t>(all[next].tokens.size() - 1);
        for (std::int32_t id = 0; id < vocabulary; ++id) batch.targets.push_back({sequence, last, id});
        written.push_back(&all[next]);
      }
      if (written.empty()) continue;
      more = true;
      const std::vector<double> logprobs = log_probabilities(transformer, theta, adapter, batch);
      for (std::size_t i = 0; i < written.size(); ++i) {
        const auto of_one = std::span(logprobs).subspan(i * static_cast<std::size_t>(vocabulary),
                                                        static_cast<std::size_t>(vocabulary));
        const auto best = std::ranges::max_element(of_one) - of_one.begin();
        written[i]->add(model, static_cast<std::int32_t>(best), end);
      }
    }
  }
  return detail::generated_texts(std::move(all));
}

/// Tokens of the longest pass that reads prompts into a cache.
template <class Backend>
std::size_t prefill_tokens(std::span<const Tokens> prompts) {
  std::size_t longest = 0, all = 0;
  for (const Tokens& each : prompts) {
    longest = std::max(longest, each.size());
    all += each.size();
  }
  return std::max(longest, std::min(all, Backend::max_batch_tokens));
}

/// What is written after.
inline std::vector<Tokens> prompts_of(std::span<const EncodedExample> rows) {
  std::vector<Tokens> prompts;
  for (const EncodedExample& row : rows) prompts.push_back(row.prompt);
  return prompts;
}

/// Mean exact match and F1 of what `generator` writes after the rows' prompts. The rows must know their
/// examples. Throws Error if there are no rows.
inline data::AnswerScore evaluate_generated(const Generator& generator, std::span<const EncodedExample> rows,
                                            const data::Task& task) {
  require(!rows.empty(), "rows to evaluate: 0: must be at least 1");
  const std::vector<Tokens> prompts = prompts_of(rows);
  const std::vector<std::string> texts = generator(prompts, {task.stop, task.max_new_tokens});
  require(texts.size() == rows.size(), "generator: {} texts for {} prompts", texts.size(), rows.size());
  data::AnswerScore sum;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const data::AnswerScore score =
        data::answer_score(task.answer_rule, texts[i], rows[i].example->references);
    sum.exact_match += score.exact_match;
    sum.f1 += score.f1;
  }
  const auto count = static_cast<double>(rows.size());
  return {sum.exact_match / count, sum.f1 / count};
}

}  // namespace zofo::llm
