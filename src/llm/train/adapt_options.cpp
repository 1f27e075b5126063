#include "zofo/train/adapt_options.hpp"

#include "zofo/config/field_checks.hpp"
#include "zofo/core/batcher.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/data/shots.hpp"

namespace zofo::llm {

void AdaptOptions::check() const {
  require_count("max_steps", max_steps, 1, 1'000'000);
  require_in("learning_rate", learning_rate, 0.0, 10.0);
  require_in("weight_decay", weight_decay, 0.0, 1e6);
  require_count("batch_size", batch_size, 1, 65536);
  require_count("num_seeds", num_seeds, 1, 4096);
  require_count("seed", seed, 0, 0xFFFFFFFF);
}

std::vector<std::size_t> sample_examples(const data::TaskData& data, Count count, std::uint64_t seed) {
  constexpr std::uint32_t examples_stream = stream_number(BatchStream::examples);
  if (count.each && data.task.kind == data::Kind::choice) {
    std::vector<int> labels;
    for (const data::Example& each : data.train) labels.push_back(each.label);
    return data::sample_shots(labels, data.task.choices, count.number, seed);
  }
  require(count.number >= 1 && count.number <= data.train.size(),
          "task {}: {} = {}: must be in [1, {}], the number of training examples", data.task.name,
          count.each ? "shots" : "examples", count.number, data.train.size());
  std::vector<std::size_t> chosen = shuffled(seed, examples_stream, 0, data.train.size());
  chosen.resize(count.number);
  return chosen;
}

}  // namespace zofo::llm
