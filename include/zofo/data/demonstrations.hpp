/// @file In-context learning: solved rows put before a prompt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/batcher.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/data/shots.hpp"
#include "zofo/data/task.hpp"

namespace zofo::data {

/// A row with its answer, as it is shown to the model.
inline std::string demonstration_text(const Task& task, const Example& example) {
  const auto label = static_cast<std::size_t>(example.label);
  std::string text = task.kind == Kind::choice
                         ? example.prompt + task.choices[label]
                         : example.continuations[label].prompt + example.continuations[label].text;
  text.erase(text.find_last_not_of(" \t\r\n") + 1);  // the separator says what stands between two rows
  return text;
}

/// Takes `count` training rows, drawn and ordered by the seed, as demonstrations; they are no training rows
/// any more. Error unless a training row is left.
inline void take_demonstrations(TaskData& data, std::size_t count, std::uint64_t seed) {
  if (count == 0) return;
  require(count < data.train.size(), "demonstrations = {}: must be below {}, the number of training rows",
          count, data.train.size());
  std::vector<bool> shown(data.train.size(), false);
  const std::uint32_t stream = stream_number(BatchStream::demonstrations);
  for (const std::size_t row : shuffled(seed, stream, 0, data.train.size())) {
    if (data.demonstrations.size() == count) break;
    data.demonstrations.push_back(demonstration_text(data.task, data.train[row]));
    shown[row] = true;
  }
  std::vector<Example> rest;
  for (std::size_t row = 0; row < data.train.size(); ++row)
    if (!shown[row]) rest.push_back(std::move(data.train[row]));
  data.train = std::move(rest);
}

/// The last `count` demonstrations and the prompt, separated.
inline std::string with_demonstrations(std::span<const std::string> demonstrations, std::size_t count,
                                       const std::string& separator, const std::string& prompt) {
  std::string text;
  for (const std::string& each : demonstrations.last(count)) text += each + separator;
  return text + prompt;
}

/// The most demonstrations, the last ones, with which the text passes `fits`, which must be true of any text
/// that is shorter than one that fits; 0 if none does.
inline std::size_t demonstrations_that_fit(std::span<const std::string> demonstrations,
                                           const std::string& separator, const std::string& prompt,
                                           const std::function<bool(const std::string&)>& fits) {
  std::size_t low = 0, high = demonstrations.size();
  if (high == 0 || fits(with_demonstrations(demonstrations, high, separator, prompt))) return high;
  --high;
  while (low < high) {
    const std::size_t middle = (low + high + 1) / 2;
    if (fits(with_demonstrations(demonstrations, middle, separator, prompt)))
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

}  // namespace zofo::data
