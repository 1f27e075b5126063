/// @file Few-shot subsets: as many rows of each class as asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "zofo/core/batcher.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/data/task.hpp"

namespace zofo::data {

/// Indices of `shots` rows of each class, in a random order that is a pure function of the arguments. `names`
/// are the classes, for messages. Error for a label outside of them, and for a class with fewer rows: names
/// it and counts them.
inline std::vector<std::size_t> sample_shots(std::span<const int> labels, std::span<const std::string> names,
                                             std::size_t shots, std::uint64_t seed) {
  require(shots >= 1, "shots = 0: must be at least 1");
  std::vector<std::size_t> taken(names.size(), 0), chosen;
  for (const std::size_t row : shuffled(seed, stream_number(BatchStream::shots), 0, labels.size())) {
    require(labels[row] >= 0 && static_cast<std::size_t>(labels[row]) < names.size(),
            "label {} of row {}: must be in [0, {})", labels[row], row, names.size());
    if (taken[static_cast<std::size_t>(labels[row])]++ < shots) chosen.push_back(row);
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    require(taken[i] >= shots, "shots = {}: class {} ('{}') has {} training rows", shots, i, names[i],
            taken[i]);
  return chosen;
}

/// Cuts the training rows down to `shots` a class, or to `shots` in all where the rows have no classes
/// (candidates, generate); 0 leaves them. Error when there are fewer.
inline void take_shots(TaskData& data, std::size_t shots, std::uint64_t seed) {
  if (shots == 0) return;
  std::vector<int> labels;
  const bool classes = data.task.kind == Kind::choice;
  for (const Example& each : data.train) labels.push_back(classes ? each.label : 0);
  const std::vector<std::string> one{"all rows"};
  std::vector<Example> kept;
  for (const std::size_t row : sample_shots(labels, classes ? data.task.choices : one, shots, seed))
    kept.push_back(data.train[row]);
  data.train = std::move(kept);
}

}  // namespace zofo::data
