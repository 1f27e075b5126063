#include "zofo/lm/packed_losses.hpp"

#include "zofo/lm/choice_loss.hpp"
#include "zofo/lm/pack_examples.hpp"

namespace zofo::llm {

std::size_t packed_tokens(const EncodedExample& example) {
  if (example.options->single()) return example.prompt.size();
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < example.options->options.size(); ++i)
    tokens += example.prompt.size() + example.options->added(i);
  return tokens;
}

std::size_t packed_tokens(std::span<const ExamplesPart> parts) {
  std::size_t tokens = 0;
  for (const ExamplesPart& part : parts)
    for (const EncodedExample* example : part.examples) tokens += packed_tokens(*example);
  return tokens;
}

model::Batch pack_parts(std::span<const ExamplesPart> parts) {
  model::Batch batch;
  for (const ExamplesPart& part : parts)
    for (const EncodedExample* example : part.examples) pack_example(batch, *example, part.adapter);
  return batch;
}

std::vector<double> losses_of_parts(std::span<const double> logprobs, std::span<const ExamplesPart> parts,
                                    std::span<double> gradient) {
  std::vector<double> losses;
  std::size_t at = 0;
  for (const ExamplesPart& part : parts) {
    if (part.examples.empty()) {
      losses.push_back(0.0);
      continue;
    }
    const std::size_t length = targets_of(part.examples);
    losses.push_back(mean_loss(logprobs.subspan(at, length), part.examples, part.weight,
                               gradient.empty() ? gradient : gradient.subspan(at, length)));
    at += length;
  }
  return losses;
}

}  // namespace zofo::llm
