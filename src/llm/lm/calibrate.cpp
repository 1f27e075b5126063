#include "zofo/lm/calibrate.hpp"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace zofo::llm::detail {

NeutralExamples neutral_examples(const ExampleEncoder& encoder, std::span<const EncodedExample> examples,
                                 std::string_view file) {
  NeutralExamples neutral;
  std::map<std::pair<const OptionTokens*, std::string>, std::size_t> seen;
  for (const EncodedExample& example : examples) {
    const auto [entry, added] =
        seen.try_emplace({example.options.get(), example.source->neutral}, neutral.examples.size());
    if (added)
      neutral.examples.push_back(encoder.neutral(example, fmt::format("{}:{}", file, example.source->line)));
    neutral.index.push_back(entry->second);
  }
  return neutral;
}

void set_offsets(std::span<EncodedExample> examples, const NeutralExamples& neutral,
                 std::span<const std::vector<double>> scores) {
  std::vector<std::shared_ptr<const OptionTokens>> calibrated(neutral.examples.size());
  for (std::size_t i = 0; i < examples.size(); ++i) {
    std::shared_ptr<const OptionTokens>& options = calibrated[neutral.index[i]];
    if (options == nullptr) {
      auto with_offsets = std::make_shared<OptionTokens>(*examples[i].options);
      with_offsets->offsets = scores[neutral.index[i]];
      options = std::move(with_offsets);
    }
    examples[i].options = options;
  }
}

}  // namespace zofo::llm::detail
