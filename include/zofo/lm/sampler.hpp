/// @file Samples the next token of a text from the logits, as the processors of transformers filter them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/lm/sampling_options.hpp"

namespace zofo::llm {

/// Which text a token belongs to: part of the key of its random number.
struct SampleKey {
  std::uint32_t prompt = 0;  ///< number of the prompt
  std::uint32_t sample = 0;  ///< number of the text among those of its prompt
};

/// A token that may be next.
struct TokenCandidate {
  std::int32_t id = 0;  ///< the token
  float score = 0.0F;   ///< its logit after penalty and temperature
  double weight = 0.0;  ///< exp(score − the highest score)
};

/// Chooses tokens. The order is that of transformers: repetition penalty, temperature, top-k, top-p, min-p.
/// Scores, probabilities and limits are float32 as there, so that tokens at a limit are kept or removed
/// alike: top-k keeps all that are as probable as the k-th; of equally probable tokens top-p removes those of
/// lower id first. For one thread: buffers are reused.
class Sampler {
 public:
  /// Throws Error as SamplingOptions::check.
  explicit Sampler(const SamplingOptions& options);

  /// The candidates after all filters, in order of their ids; their weights are proportional to their
  /// probabilities. logits[id] is that of a token; `tokens`: the prompt and the text so far. At temperature 0
  /// only the best, of equal ones that of the lowest id. Valid until the next call. Throws Error if a logit
  /// is NaN, the highest is infinite, or there are none.
  std::span<const TokenCandidate> candidates(std::span<const float> logits,
                                             std::span<const std::int32_t> tokens);

  /// Token number `step` of a text, from `candidates`. Its random number is a function of the seed, the key
  /// and the step only.
  std::int32_t next(std::span<const float> logits, std::span<const std::int32_t> tokens, SampleKey key,
                    std::uint32_t step);

 private:
  void score(std::span<const float> logits, std::span<const std::int32_t> tokens);
  void keep_top_k();
  void weigh();
  void keep_top_p();
  void keep_min_p();

  SamplingOptions options_;
  std::vector<TokenCandidate> candidates_, order_;
  std::vector<float> scores_;
};

/// The uniform random number in (0, 1) of token `step` of a text: 52 bits of Philox.
double token_uniform(std::uint64_t seed, SampleKey key, std::uint32_t step);

}  // namespace zofo::llm
