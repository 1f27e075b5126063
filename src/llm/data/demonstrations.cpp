#include "zofo/data/demonstrations.hpp"

#include <utility>
#include <vector>

#include "zofo/core/batcher.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::data {

std::string demonstration_text(const Task& task, const Example& example) {
  const auto label = static_cast<std::size_t>(example.label);
  std::string text = task.kind == Kind::choice
                         ? example.prompt + task.choices[label]
                         : example.continuations[label].prompt + example.continuations[label].text;
  text.erase(text.find_last_not_of(" \t\r\n") + 1);  // only the separator is between two examples
  return text;
}

void take_demonstrations(TaskData& data, std::size_t count, std::uint64_t seed) {
  if (count == 0) return;
  require(data.task.kind != Kind::text,
          "demonstrations = {}: task {} has free text, no examples with answers", count, data.task.name);
  require(count < data.train.size(), "demonstrations = {}: must be below {}, the number of training examples",
          count, data.train.size());
  std::vector<bool> moved(data.train.size(), false);
  const std::uint32_t stream = stream_number(BatchStream::demonstrations);
  for (const std::size_t i : shuffled(seed, stream, 0, data.train.size())) {
    if (data.demonstrations.size() == count) break;
    data.demonstrations.push_back(demonstration_text(data.task, data.train[i]));
    moved[i] = true;
  }
  std::vector<Example> rest;
  for (std::size_t i = 0; i < data.train.size(); ++i)
    if (!moved[i]) rest.push_back(std::move(data.train[i]));
  data.train = std::move(rest);
}

std::string with_demonstrations(std::span<const std::string> demonstrations, std::size_t count,
                                const std::string& separator, const std::string& prompt) {
  std::string text;
  for (const std::string& each : demonstrations.last(count)) text += each + separator;
  return text + prompt;
}

std::size_t demonstrations_that_fit(std::span<const std::string> demonstrations, const std::string& separator,
                                    const std::string& prompt,
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
