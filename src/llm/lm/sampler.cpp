#include "zofo/lm/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "zofo/core/error.hpp"
#include "zofo/core/philox.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::llm {
namespace {

double sum_of_weights(const std::vector<TokenCandidate>& candidates) {
  double sum = 0.0;
  for (const TokenCandidate& each : candidates) sum += each.weight;
  return sum;
}

// As softmax in float32 gives it.
float probability(const TokenCandidate& candidate, float sum) {
  return static_cast<float>(candidate.weight) / sum;
}

// Descending order; its reverse is the stable ascending order in which top-p adds probabilities.
bool before(const TokenCandidate& a, const TokenCandidate& b) {
  return a.score > b.score || (a.score == b.score && a.id > b.id);
}

}  // namespace

Sampler::Sampler(const SamplingOptions& options) : options_(options) { options_.check(); }

void Sampler::score(std::span<const float> logits, std::span<const std::int32_t> tokens) {
  scores_.assign(logits.begin(), logits.end());
  const auto penalty = static_cast<float>(options_.repetition_penalty);
  if (penalty != 1.0F)
    for (const std::int32_t id : tokens) {
      if (id < 0 || static_cast<std::size_t>(id) >= logits.size()) continue;  // it cannot be generated
      const float logit = logits[static_cast<std::size_t>(id)];
      scores_[static_cast<std::size_t>(id)] = logit < 0.0F ? logit * penalty : logit / penalty;
    }
  if (const auto temperature = static_cast<float>(options_.temperature); temperature != 0.0F)
    for (float& each : scores_) each /= temperature;
  const bool numbers = std::ranges::none_of(scores_, [](float each) { return std::isnan(each); });
  require(
      numbers && !scores_.empty() && std::isfinite(*std::ranges::max_element(scores_)),
      "sampling: a logit is NaN, or the highest of {} is infinite: the weights or the adapter are too large",
      scores_.size());
}

void Sampler::keep_top_k() {
  candidates_.clear();
  for (std::size_t id = 0; id < scores_.size(); ++id)
    candidates_.push_back({static_cast<std::int32_t>(id), scores_[id]});
  if (options_.top_k == 0 || options_.top_k >= scores_.size()) return;
  const auto last = scores_.begin() + static_cast<std::ptrdiff_t>(options_.top_k - 1);
  std::ranges::nth_element(scores_, last, std::ranges::greater{});
  std::erase_if(candidates_, [lowest = *last](const TokenCandidate& each) { return each.score < lowest; });
}

void Sampler::weigh() {
  const float highest = std::ranges::max_element(candidates_, {}, &TokenCandidate::score)->score;
  for (TokenCandidate& each : candidates_)
    each.weight = std::exp(static_cast<double>(each.score) - static_cast<double>(highest));
}

void Sampler::keep_top_p() {
  if (options_.top_p >= 1.0) return;
  const auto removed = static_cast<float>(1.0 - options_.top_p);
  const auto sum = static_cast<float>(sum_of_weights(candidates_));
  double all = 0.0;
  for (const TokenCandidate& each : candidates_) all += static_cast<double>(probability(each, sum));
  // Few tokens are kept as a rule: sorts so many of the most probable ones as contain the last that is kept.
  order_ = candidates_;
  for (std::size_t most = 64;; most *= 8) {
    const auto end = order_.begin() + static_cast<std::ptrdiff_t>(std::min(most, order_.size()));
    if (end != order_.end()) std::ranges::nth_element(order_, end, before);
    std::sort(order_.begin(), end, before);
    double above = 0.0;
    for (auto each = order_.begin(); each != end; ++each) {
      // The probability of this token and all below it.
      if (each != order_.begin() && static_cast<float>(all - above) <= removed) {
        std::erase_if(candidates_, [last = each[-1]](const TokenCandidate& c) { return before(last, c); });
        return;
      }
      above += static_cast<double>(probability(*each, sum));
    }
    if (end == order_.end()) return;
  }
}

void Sampler::keep_min_p() {
  if (options_.min_p == 0.0) return;
  const auto sum = static_cast<float>(sum_of_weights(candidates_));
  const float lowest = static_cast<float>(options_.min_p) * (1.0F / sum);
  std::erase_if(candidates_, [=](const TokenCandidate& each) { return probability(each, sum) < lowest; });
}

std::span<const TokenCandidate> Sampler::candidates(std::span<const float> logits,
                                                    std::span<const std::int32_t> tokens) {
  score(logits, tokens);
  if (options_.temperature == 0.0) {
    const auto best = std::ranges::max_element(scores_);
    candidates_.assign(1, {static_cast<std::int32_t>(best - scores_.begin()), *best, 1.0});
    return candidates_;
  }
  keep_top_k();
  weigh();
  keep_top_p();
  keep_min_p();
  return candidates_;
}

std::int32_t Sampler::next(std::span<const float> logits, std::span<const std::int32_t> tokens, SampleKey key,
                           std::uint32_t step) {
  candidates(logits, tokens);
  const double threshold = token_uniform(options_.seed, key, step) * sum_of_weights(candidates_);
  double sum = 0.0;
  std::int32_t chosen = -1;
  for (const TokenCandidate& each : candidates_) {
    if (each.weight == 0.0) continue;
    chosen = each.id;
    sum += each.weight;
    if (sum > threshold) break;
  }
  return chosen;
}

double token_uniform(std::uint64_t seed, SampleKey key, std::uint32_t step) {
  const PhiloxStream stream{Direction{seed, key.prompt, key.sample},
                            stream_number(SingleStream::generated_token)};
  const auto words = stream.block(step);
  const std::uint64_t bits = (std::uint64_t{words[0]} << 20U) | (words[1] >> 12U);
  return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

}  // namespace zofo::llm
