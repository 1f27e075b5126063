#include "zofo/data/shots.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "zofo/core/batcher.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::data {

namespace {

// The class of each training example; one class for all where their labels are no classes.
std::vector<int> classes_of(const TaskData& data) {
  std::vector<int> classes;
  for (const Example& each : data.train) classes.push_back(data.task.kind == Kind::choice ? each.label : 0);
  return classes;
}

// Keeps the training examples with these indices, in this order; no index occurs twice.
void keep(TaskData& data, const std::vector<std::size_t>& indices) {
  std::vector<Example> kept;
  for (const std::size_t i : indices) kept.push_back(std::move(data.train[i]));
  data.train = std::move(kept);
}

}  // namespace

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
  const std::vector<std::string> one{"all examples"};
  keep(data,
       sample_shots(classes_of(data), data.task.kind == Kind::choice ? data.task.choices : one, shots, seed));
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
  keep(data, sample_evenly(classes_of(data), most, seed));
}

}  // namespace zofo::data
