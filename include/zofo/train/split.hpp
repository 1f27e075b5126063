/// @file Training rows cut into the parts that a run uses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/core/batcher.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/train/task_examples.hpp"

namespace zofo::llm {

/// The training rows of a task by their use.
struct Split {
  TaskExamples examples;
  std::vector<EncodedExample>
      selection;  ///< no step sees them: they select the model, and say when to stop early
};

/// Both levels: F takes a third of the rows and G the rest; a quarter of F's rows is set aside where the
/// options ask for it, and with unseen rows another third is F's in θ's estimates. A method of one level: all
/// rows are G's (an adapter's gradient) or F's; where rows are set aside, a twelfth. The cut is a pure
/// function of the seed. Throws Error, naming the task, on fewer rows than parts.
inline Split split_examples(const RunOptions& o, std::string_view task, std::vector<EncodedExample> rows) {
  constexpr std::uint32_t with_selection = stream_number(BatchStream::split),
                          without_selection = stream_number(BatchStream::task_split);
  const Trains trains = o.trains();
  const bool both = trains == Trains::both_levels, aside = o.splits_validation();
  if (!both && !aside) {
    if (trains == Trains::adapter) return {{{}, std::move(rows)}, {}};
    return {{std::move(rows), {}}, {}};
  }
  const std::size_t n = rows.size(), least = aside ? 6 : 3;
  require(n >= least, "task {}: training rows: {}: must be at least {}, for F, for G{}", task, n, least,
          aside ? " and to select the model" : "");
  const std::size_t third = n / 3, selection = aside ? (third + 3) / 4 : 0;
  const std::size_t upper = both ? third : trains == Trains::adapter ? selection : n;
  const std::size_t unseen = both && o.backbone_examples == ThetaRows::unseen ? upper + third : upper;
  Split split;
  std::size_t place = 0;
  for (const std::size_t i : shuffled(o.seed, aside ? with_selection : without_selection, 0, n)) {
    std::vector<EncodedExample>& part = place < selection ? split.selection
                                    : place < upper   ? split.examples.upper
                                    : place < unseen  ? split.examples.unseen
                                                      : split.examples.lower;
    part.push_back(std::move(rows[i]));
    ++place;
  }
  return split;
}

}  // namespace zofo::llm
