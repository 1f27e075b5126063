/// @file Bounds of a run's passes: what a device must have memory for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/lm/sequence_bounds.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/train/run_task.hpp"

namespace zofo::llm {

/// Examples of the passes of a run, in units of the largest example.
struct PassExamples {
  std::size_t probed = 0;          ///< of an outer step's pass; 0 where the backbone is not updated
  std::size_t gradient = 0;        ///< of an adapter step's pass; 0 where no adapter is trained
  std::size_t probes = 2;          ///< that share an outer step's pass: the pair ±ε of a dense direction
  std::uint32_t low_rank = 0;      ///< rank of the directions, all of whose probes share a pass; 0: dense
  std::size_t vectors = 0;         ///< of an adapter's size, where adapters are trained by gradients
  SequenceBounds generation = {};  ///< of sequences that are generated between or after the passes
};

/// Maximum sizes of a packed batch of one example.
struct ExampleBounds {
  std::size_t tokens = 0;     ///< of the batch
  std::size_t sequences = 0;  ///< of the batch
  std::size_t longest = 0;    ///< tokens of a sequence
  std::size_t targets = 0;    ///< log-probabilities

  /// The bounds with `reserved` virtual tokens of an adapter before each sequence. `read`: they are tokens of
  /// the pass (prompts), and not only keys and values (prefixes).
  [[nodiscard]] ExampleBounds after(std::size_t reserved, bool read) const;

  /// Raises the bounds to those of the examples.
  void cover(std::span<const EncodedExample> examples);
};

/// The bounds of the examples of all tasks under an adapter.
ExampleBounds bounds_of(const std::vector<RunTask>& tasks, const peft::Adapter& adapter);

/// Examples of at most the size `example` in the largest pass of several adapters' gradients. One adapter has
/// up to `largest` of `all` examples; more share a pass while they have at most `max_tokens` tokens
/// (packed_gradients).
std::size_t examples_of_joint_pass(std::size_t largest, std::size_t all, const ExampleBounds& example,
                                   std::size_t max_tokens);

/// Examples of the largest passes, of at most the size `example`, and the number of adapters. The pass of an
/// outer step has F(p), G(p) and G(s) of all its tasks. Gradients share a pass while they have at most
/// `max_tokens` tokens. Zeroth-order updates of an adapter have no larger passes than scoring.
PassExamples pass_examples(const RunOptions& o, const std::vector<RunTask>& tasks,
                           const ExampleBounds& example, std::size_t max_tokens);

}  // namespace zofo::llm
