/// @file Every number that keeps the random numbers of one seed apart, and the ranges left to users.
///
/// Random numbers are pure functions of their keys; two numbers are independent if their keys differ in any
/// word. There are two spaces of keys:
///  1. Philox (core/philox.hpp): the seed and the counter (block, stream, step, query). Directions of θ, task
///     choices, signs and dropout masks of a run share its seed and differ in `stream`, dropout masks in
///     `query`. Samples from a mini-batch's key in this space use another seed (SeedMask).
///  2. Mini-batches (core/batcher.hpp): (seed, stream, epoch), and the order of a data set's examples.
///
/// FREE for numbers of your own, under the seed of a solver or a run: `kUserStreams` in the first space (with
/// any step and query), `kUserBatchStreams` in the second. The library never uses them.
///
/// Generated data (LoRA's start, random tokens, tiny models, synthetic problems) numbers its tensors from 0
/// at step 0 and query 0 of its seed, like the first direction of a solver with the same seed; give generated
/// data a seed of its own where that matters.
///
/// nvcc compiles this header, hence no fmt.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "zofo/core/error_type.hpp"

namespace zofo {

/// The stream numbers first, …, last.
struct StreamRange {
  std::uint32_t first = 0;  ///< smallest number
  std::uint32_t last = 0;   ///< largest number, included
  /// Whether `number` is one of them.
  [[nodiscard]] constexpr bool contains(std::uint32_t number) const {
    return first <= number && number <= last;
  }
};

namespace detail {

/// Whether every range runs upwards and no two share a number.
[[nodiscard]] constexpr bool disjoint(std::span<const StreamRange> ranges) {
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].first > ranges[i].last) return false;
    for (std::size_t j = i + 1; j < ranges.size(); ++j)
      if (ranges[i].first <= ranges[j].last && ranges[j].first <= ranges[i].last) return false;
  }
  return true;
}

}  // namespace detail

// ---- Philox: the counter's word `stream` ----------------------------------------------------------------

/// Random numbers of a tensor other than the entries of its directions; each use has its own streams
/// (extra_stream).
enum class ExtraStream : std::uint32_t {
  coordinate = 1,  ///< which coordinate is perturbed (perturb/coordinate.hpp); tensor 0 for all
  mask = 2,        ///< which coordinates are kept (perturb/random_mask.hpp)
  left = 3,        ///< U of U Vᵀ (perturb/low_rank.hpp)
  right = 4,       ///< V of U Vᵀ
  rounding = 5     ///< stochastic rounding of bf16 updates (src/cuda/kernels)
};

/// Random numbers that belong to no tensor; each use is one stream.
enum class SingleStream : std::uint32_t {
  task_choice = 0xFFFF0001,     ///< the tasks of an outer step (bilevel/task_sampling.hpp)
  random_sign = 0xFFFF0002,     ///< the sign of an estimate (estimate/random_sign.hpp)
  generated_token = 0xFFFF0003  ///< a token of a text; step: the prompt, query: the sample (lm/sampler.hpp)
};

/// A stream is use · 2^kTensorBits + tensor; use 0 is the entries of the tensor's directions.
inline constexpr unsigned kTensorBits = 28;
/// Entries of directions: the tensor's index.
inline constexpr StreamRange kTensorStreams{0, (std::uint32_t{1} << kTensorBits) - 1};
/// For users: uses 6 … 14, each with a stream for every tensor.
inline constexpr StreamRange kUserStreams{std::uint32_t{6} << kTensorBits,
                                          (std::uint32_t{15} << kTensorBits) - 1};

/// The stream's number.
[[nodiscard]] constexpr std::uint32_t stream_number(SingleStream stream) {
  return static_cast<std::uint32_t>(stream);
}
/// All streams of a use.
[[nodiscard]] constexpr StreamRange streams_of(ExtraStream use) {
  const std::uint32_t first = static_cast<std::uint32_t>(use) << kTensorBits;
  return {first, first | kTensorStreams.last};
}
/// The one stream.
[[nodiscard]] constexpr StreamRange streams_of(SingleStream stream) {
  return {stream_number(stream), stream_number(stream)};
}

/// The tensor's stream for a use. Throws Error for a tensor of number 2^28 or more.
[[nodiscard]] inline std::uint32_t extra_stream(ExtraStream use, std::uint32_t tensor) {
  if (!kTensorStreams.contains(tensor))
    throw Error("tensor stream = " + std::to_string(tensor) + ": must be below 2^28 = 268435456");
  return streams_of(use).first | tensor;
}

namespace detail {
/// Each use of the word `stream`: a new one goes into this list.
inline constexpr std::array kPhiloxStreams{kTensorStreams,
                                           streams_of(ExtraStream::coordinate),
                                           streams_of(ExtraStream::mask),
                                           streams_of(ExtraStream::left),
                                           streams_of(ExtraStream::right),
                                           streams_of(ExtraStream::rounding),
                                           kUserStreams,
                                           streams_of(SingleStream::task_choice),
                                           streams_of(SingleStream::random_sign),
                                           streams_of(SingleStream::generated_token)};
}  // namespace detail
static_assert(detail::disjoint(detail::kPhiloxStreams), "zofo: two uses of Philox share a stream");

// ---- Philox: the counter's word `query` -----------------------------------------------------------------

/// Values of the word `query` that no direction has.
enum class QueryWord : std::uint32_t {
  dropout = 0xD209  ///< masks of peft/dropout.hpp; their `stream` is the site
};

/// Queries of a language model's run, which is where dropout is: the option's largest value less one.
inline constexpr StreamRange kRunQueries{0, 4095};

/// The word.
[[nodiscard]] constexpr std::uint32_t query_number(QueryWord word) {
  return static_cast<std::uint32_t>(word);
}
static_assert(!kRunQueries.contains(query_number(QueryWord::dropout)),
              "zofo: dropout masks share their words with a direction");

// ---- Philox: seeds
// ------------------------------------------------------------------------------------------

/// Random numbers of a mini-batch's key have the seed seed ^ mask, so that a mini-batch and a direction of
/// the same seed share no numbers. The batch's stream is the word `query`.
enum class SeedMask : std::uint64_t {
  rows = 0x9b1f5c3d7a2e4860,  ///< rows of synthetic problems; streams are RowStream
  noise = 0x5d8e1b72c49f3a06  ///< noise of problems::Noisy; streams are 3 level + part, below 6
};

/// The word `stream` of random numbers with SeedMask::rows.
enum class RowStream : std::uint32_t { batch = 0, corrupted_labels = 1 };

/// The seed of random numbers from the key of a mini-batch.
[[nodiscard]] constexpr std::uint64_t masked_seed(std::uint64_t seed, SeedMask mask) {
  return seed ^ static_cast<std::uint64_t>(mask);
}
/// The stream's number.
[[nodiscard]] constexpr std::uint32_t stream_number(RowStream stream) {
  return static_cast<std::uint32_t>(stream);
}
static_assert(masked_seed(0, SeedMask::rows) != 0 && masked_seed(0, SeedMask::noise) != 0 &&
                  masked_seed(0, SeedMask::rows) != masked_seed(0, SeedMask::noise),
              "zofo: two masks give one seed");
static_assert(stream_number(RowStream::batch) != stream_number(RowStream::corrupted_labels),
              "zofo: two uses of a data set's seed share a stream");

// ---- mini-batches: the key's word `stream`
// ------------------------------------------------------------------

/// The sequence of mini-batches, or the order of a data set's examples, that a key of one seed belongs to.
enum class BatchStream : std::uint32_t {
  inner_upper = 0,        ///< D_f of inner steps
  inner_lower = 1,        ///< D_g of inner steps
  probe_upper = 2,        ///< D_f of θ's probes
  probe_lower = 3,        ///< D_g of θ's probes
  large_upper = 4,        ///< D_f of a variance reduction's large batches
  large_lower = 5,        ///< D_g of a variance reduction's large batches
  split = 1000,           ///< training examples into D_f, D_g and the validation examples (train/split.hpp)
  task_split = 1001,      ///< the same for a task of meta-training (train/split.hpp)
  shots = 2000,           ///< examples of each class (data/shots.hpp)
  demonstrations = 2001,  ///< solved examples before a prompt (data/demonstrations.hpp)
  examples = 2002,        ///< examples of a few-shot adaptation (train/few_shot_adaptation.hpp)
  samples = 2003,         ///< the training examples of max_train_samples (data/shots.hpp)
  file_split = 2004       ///< rows of a file into training, validation and test (data/split_rows.hpp)
};

/// For users.
inline constexpr StreamRange kUserBatchStreams{0x10000, 0xFFFFFFFF};

/// The stream's number.
[[nodiscard]] constexpr std::uint32_t stream_number(BatchStream stream) {
  return static_cast<std::uint32_t>(stream);
}
/// The one stream.
[[nodiscard]] constexpr StreamRange streams_of(BatchStream stream) {
  return {stream_number(stream), stream_number(stream)};
}

namespace detail {
/// Each use of a mini-batch's word `stream`: a new one goes into this list.
inline constexpr std::array kBatchStreams{
    streams_of(BatchStream::inner_upper), streams_of(BatchStream::inner_lower),
    streams_of(BatchStream::probe_upper), streams_of(BatchStream::probe_lower),
    streams_of(BatchStream::large_upper), streams_of(BatchStream::large_lower),
    streams_of(BatchStream::split),       streams_of(BatchStream::task_split),
    streams_of(BatchStream::shots),       streams_of(BatchStream::demonstrations),
    streams_of(BatchStream::examples),    streams_of(BatchStream::samples),
    streams_of(BatchStream::file_split),  kUserBatchStreams};
}  // namespace detail
static_assert(detail::disjoint(detail::kBatchStreams), "zofo: two kinds of mini-batches share a stream");

}  // namespace zofo
