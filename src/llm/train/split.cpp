#include "zofo/train/split.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "zofo/core/batcher.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::llm {

Split split_examples(const RunOptions& o, std::string_view task, std::vector<EncodedExample> examples) {
  constexpr std::uint32_t with_selection = stream_number(BatchStream::split),
                          without_selection = stream_number(BatchStream::task_split);
  const Trains trains = o.trains();
  const bool both = trains == Trains::both_levels, validates = o.splits_validation();
  if (!both && !validates) {
    if (trains == Trains::adapter) return {{{}, std::move(examples)}, {}};
    return {{std::move(examples), {}}, {}};
  }
  const std::size_t n = examples.size(), least = validates ? 6 : 3;
  require(n >= least, "task {}: training examples: {}: must be at least {}, for F, for G{}", task, n, least,
          validates ? " and to select the model" : "");
  const std::size_t third = n / 3, selection = validates ? (third + 3) / 4 : 0;
  const std::size_t upper = both ? third : trains == Trains::adapter ? selection : n;
  const std::size_t unseen = both && o.backbone_examples == ThetaRows::unseen ? upper + third : upper;
  Split split;
  std::size_t position = 0;
  for (const std::size_t i : shuffled(o.seed, validates ? with_selection : without_selection, 0, n)) {
    std::vector<EncodedExample>& part = position < selection ? split.selection
                                        : position < upper   ? split.examples.upper
                                        : position < unseen  ? split.examples.unseen
                                                             : split.examples.lower;
    part.push_back(std::move(examples[i]));
    ++position;
  }
  return split;
}

}  // namespace zofo::llm
