/// @file The template of serve/engine.hpp, for a program with its own device.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/lm/decoder.hpp"
#include "zofo/lm/sampler.hpp"
#include "zofo/serve/engine.hpp"
#include "zofo/serve/impl/prompt_scorer.hpp"
#include "zofo/train/impl/adapter_set.hpp"

namespace zofo::serve {

/// Answers the requests of a queue with a model and its adapters. For one thread.
template <class Device>
class Engine {
 public:
  using Backend = typename Device::Backend;  ///< of the device
  using Vector = typename Backend::Vector;   ///< an adapter

  /// Borrows everything.
  Engine(Device& device, llm::AdapterSet<Device>& set, Queue& queue, const llm::DecoderOptions& options)
      : device_(device),
        set_(set),
        queue_(queue),
        options_(options),
        scorer_(*set.transformer, set.selected, set.model.tokenizer.rows()) {
    options_.check();
    for (const auto& each : set.selected.adapters) {
      vectors_.push_back(each.values);
      kinds_.push_back(each.kind);
    }
  }

  /// Works until the queue is closed.
  void run() {
    while (!queue_.closed() && (!ready_.empty() || queue_.wait())) {
      try {
        answer();
      } catch (const std::bad_alloc&) {
        give_up("out of memory");
      } catch (const std::exception& error) {
        give_up(error.what());
      }
    }
    give_up("the server is stopping");
  }

 private:
  // An answer that is being generated.
  struct Active {
    Place place;
    llm::Sampler sampler;
    bool logits;                                   // whether the host chooses its tokens
    std::optional<llm::TokenLogprob> latest = {};  // of the token that is being added
    std::string failure = {};
  };
  // How tokens are chosen.
  struct Chooser {
    Engine& engine;
    [[nodiscard]] bool takes_best() const { return engine.with_logits_ == 0; }
    std::int32_t operator()(std::size_t i, std::span<const float> logits) const {
      return engine.choose(engine.active_.at(i), logits);
    }
  };

  // Generates until nothing waits.
  void answer() {
    if (ready_.empty()) fetch();
    if (ready_.empty()) return;
    make_decoder(positions(ready_.front()));
    number_ = 0;
    const llm::TokenLimits limits{set_.model.tokenizer.rows(), set_.model.parameters.config().vocab};
    decoder_->generate(
        set_.theta, {vectors_, kinds_}, [this](std::size_t most) { return next(most); }, limits,
        Chooser{*this}, [this](std::size_t i, std::int32_t id) { return add(i, id); });
  }

  // The next answer of which tokens have to be generated, for the decoder.
  std::optional<llm::DecoderPrompt> next(std::size_t most) {
    if (queue_.closed()) return {};
    while (!ready_.empty() && ready_.front().job->is_settled()) ready_.pop_front();
    if (ready_.empty()) fetch();
    if (ready_.empty()) return {};
    const Place& place = ready_.front();
    const Choice& choice = place.answer();
    if (choice.generation.prompt > most || positions(place) > decoder_->capacity().positions) return {};
    const Request& request = place.job->request;
    const bool logits = request.logprobs.has_value() || !request.sampling.takes_best();
    const int adapter = place.job->adapter;
    const auto [entry, added] =
        active_.emplace(number_, Active{place, llm::Sampler(request.sampling), logits});
    ++number_;
    with_logits_ += logits ? 1 : 0;
    ready_.pop_front();
    return llm::DecoderPrompt{entry->second.place.answer().generation.tokens, adapter};
  }

  // Takes the next answer from the queue. One of which tokens have to be generated is then ready for the
  // decoder. Prompts are scored, one pass of them: the decoder continues before the next one.
  void fetch() {
    std::optional<Place> place = queue_.take();
    if (!place) return;
    if (place->job->reads_prompt())
      read_prompts(std::move(*place));
    else if (place->job->request.max_tokens == 0)
      finish(*place);
    else
      ready_.push_back(std::move(*place));
  }

  // Scores the prompts of the answer and of those behind it that fit into one pass.
  void read_prompts(Place first) {
    std::vector<Place> group{std::move(first)};
    const auto fits = [&](const Place& place) {
      return place.job->reads_prompt() && scorer_.fits(group, place);
    };
    while (std::optional<Place> place = queue_.take(fits)) group.push_back(std::move(*place));
    try {
      auto scores = scorer_.score(set_.theta, group);
      for (std::size_t i = 0; i < group.size(); ++i)
        take_scores(group[i], std::move(scores.tokens[i]), scores.last[i]);
    } catch (const Error& error) {
      for (const Place& each : group) each.job->fail(error.what());
    }
  }
  void take_scores(const Place& place, std::vector<llm::TokenLogprob> tokens, std::span<const float> last) {
    {
      const std::lock_guard lock(place.job->mutex);
      place.answer().prompt_logprobs = std::move(tokens);
    }
    const std::size_t wanted = place.job->request.max_tokens;
    if (wanted > 1) return ready_.push_back(place);
    if (wanted == 0) return finish(place);
    Active active{place, llm::Sampler(place.job->request.sampling), true};  // the pass had its logits
    const std::int32_t id = choose(active, last);
    add(active, id);
  }

  // The next token of an answer. What goes wrong ends only its request.
  std::int32_t choose(Active& active, std::span<const float> logits) {
    const Choice& choice = active.place.answer();
    const Request& request = active.place.job->request;
    const llm::Generation& generation = choice.generation;
    const std::size_t rows = set_.model.tokenizer.rows();
    try {
      const std::int32_t id = active.sampler.next(logits.first(rows), generation.tokens, choice.key,
                                                  static_cast<std::uint32_t>(generation.generated()));
      if (request.logprobs) active.latest = llm::token_logprob(logits, id, *request.logprobs, rows);
      return id;
    } catch (const Error& error) {
      active.failure = error.what();
      return 0;
    }
  }
  bool add(std::size_t i, std::int32_t id) {
    const auto found = active_.find(i);
    const bool more = add(found->second, id);
    if (!more) {
      with_logits_ -= found->second.logits ? 1 : 0;
      active_.erase(found);
    }
    return more;
  }
  // Adds a token to an answer; false if it ends.
  bool add(Active& active, std::int32_t id) {
    Job& job = *active.place.job;
    if (!active.failure.empty()) job.fail(active.failure);
    if (queue_.closed()) job.fail("the server is stopping");
    const std::lock_guard lock(job.mutex);
    if (job.settled()) return false;
    Choice& choice = active.place.answer();
    const bool more = choice.generation.add(set_.model, id, job.end);
    if (active.latest) choice.logprobs.push_back(std::move(*active.latest));
    active.latest.reset();
    choice.done = !more;
    if (choice.done || job.request.stream) job.news.notify_all();
    return more;
  }
  // Ends an answer of which no token is asked for.
  static void finish(const Place& place) {
    const std::lock_guard lock(place.job->mutex);
    place.answer().generation.ending = llm::Ending::length;
    place.answer().done = true;
    place.job->news.notify_all();
  }

  // The positions that an answer may need in the cache.
  std::size_t positions(const Place& place) const {
    const llm::Generation& generation = place.answer().generation;
    return llm::sequence_positions(set_.model.parameters.config(), std::span(&generation.tokens, 1),
                                   std::max<std::size_t>(place.job->request.max_tokens, 1),
                                   generation.reserved);
  }
  // A decoder with at least so many positions, and as many sequences as fit then.
  void make_decoder(std::size_t needed) {
    const model::Config& config = set_.model.parameters.config();
    constexpr std::size_t usual = 512;  // answers that come later should fit too
    const std::size_t rounded = std::min<std::size_t>(std::bit_ceil(std::max(needed, usual)), config.context);
    const std::size_t most = options_.sequences > 0 ? options_.sequences : Backend::max_batch_sequences;
    const model::CacheCapacity wanted = llm::cache_capacity<Backend>(options_, config, most, rounded);
    if (decoder_ && decoder_->capacity().positions >= needed &&
        decoder_->capacity().sequences >= wanted.sequences)
      return;
    decoder_.reset();  // before the next one is allocated
    device_.reserve_generation(config, set_.transformer->adapters(), wanted,
                               std::max(needed, Backend::max_batch_tokens));
    decoder_.emplace(*set_.transformer, wanted);
  }

  // Ends all requests that have started.
  void give_up(const std::string& why) {
    for (const auto& [number, active] : active_) active.place.job->fail(why);
    for (const Place& each : ready_) each.job->fail(why);
    active_.clear();
    ready_.clear();
    with_logits_ = 0;
  }

  Device& device_;
  llm::AdapterSet<Device>& set_;
  Queue& queue_;
  llm::DecoderOptions options_;
  PromptScorer<Backend> scorer_;
  std::vector<const Vector*> vectors_;
  std::vector<peft::Kind> kinds_;
  std::optional<llm::Decoder<Backend>> decoder_;
  std::unordered_map<std::size_t, Active> active_;  // by their numbers
  std::deque<Place> ready_;                         // for the decoder
  std::size_t number_ = 0;                          // of the next active answer
  std::size_t with_logits_ = 0;                     // active answers whose tokens the host chooses
};

template <class Device>
void answer_requests(Device& device, llm::Model model, const EngineOptions& options, Queue& queue,
                     const std::function<std::shared_ptr<void>(const ServedModel&)>& open) {
  llm::AdapterSet<Device> set(device, std::move(model), options.run, options.adapters);
  ServedModel served{&set.model, {}};
  const auto& adapters = set.selected.adapters;
  const auto name = [&](const std::string& as, int adapter) {
    const std::size_t reserved = adapter < 0 ? 0 : adapters[static_cast<std::size_t>(adapter)].reserved;
    served.names.push_back({as, adapter, reserved});
  };
  name(options.name, set.selected.fallback);
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    const std::string& given = set.selected.names[i];
    require(given != options.name, "--adapter {}: the model has this name: --name gives it another", given);
    if (!given.empty()) name(given, static_cast<int>(i));
  }
  Engine<Device> engine(device, set, queue, options.decoder);
  const std::shared_ptr<void> opened = open(served);
  engine.run();
}

}  // namespace zofo::serve
