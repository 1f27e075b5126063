#include "zofo/data/shots.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "zofo/core/batcher.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::data {

std::vector<std::size_t> sample_shots(std::span<const int> labels, std::span<const std::string> names,
                                      std::size_t shots, std::uint64_t seed) {
  require(shots >= 1, "shots = 0: must be at least 1");
  std::vector<std::size_t> taken(names.size(), 0), chosen;
  for (const std::size_t i : shuffled(seed, stream_number(BatchStream::shots), 0, labels.size())) {
    require(labels[i] >= 0 && static_cast<std::size_t>(labels[i]) < names.size(),
            "label {} of example {}: must be in [0, {})", labels[i], i, names.size());
    if (taken[static_cast<std::size_t>(labels[i])]++ < shots) chosen.push_back(i);
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    require(taken[i] >= shots, "shots = {}: class {} ('{}') has {} training examples", shots, i, names[i],
            taken[i]);
  return chosen;
}

void take_shots(TaskData& data, std::size_t shots, std::uint64_t seed) {
  if (shots == 0) return;
  std::vector<int> labels;
  const bool classes = data.task.kind == Kind::choice;
  for (const Example& each : data.train) labels.push_back(classes ? each.label : 0);
  const std::vector<std::string> one{"all examples"};
  std::vector<Example> kept;
  for (const std::size_t i : sample_shots(labels, classes ? data.task.choices : one, shots, seed))
    kept.push_back(data.train[i]);
  data.train = std::move(kept);
}

std::vector<std::size_t> sample_evenly(std::span<const int> labels, std::size_t count, std::uint64_t seed) {
  std::map<int, std::vector<std::size_t>> classes;
  std::vector<int> turns;  // the classes in the order of their first example
  for (const std::size_t i : shuffled(seed, stream_number(BatchStream::samples), 0, labels.size())) {
    if (!classes.contains(labels[i])) turns.push_back(labels[i]);
    classes[labels[i]].push_back(i);
  }
  std::vector<std::size_t> chosen;
  for (std::size_t round = 0; chosen.size() < std::min(count, labels.size()); ++round)
    for (const int each : turns)
      if (round < classes[each].size() && chosen.size() < count) chosen.push_back(classes[each][round]);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

void take_samples(TaskData& data, std::size_t most, std::uint64_t seed) {
  if (most == 0 || most >= data.train.size()) return;
  std::vector<int> labels;
  for (const Example& each : data.train) labels.push_back(data.task.kind == Kind::choice ? each.label : 0);
  std::vector<Example> kept;
  for (const std::size_t i : sample_evenly(labels, most, seed)) kept.push_back(std::move(data.train[i]));
  data.train = std::move(kept);
}

}  // namespace zofo::data
