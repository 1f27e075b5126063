/// @file Calibration: scores less what the options score without the row.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/evaluate.hpp"

namespace zofo::llm {

/// Gives every row's options the offsets log P(option | neutral prompt), by the task's rule (sum or mean):
/// what is left is how much the row speaks for an option, not how common its words are (surface-form
/// competition; Holtzman et al., 2021, "PMI_DC"). Rows of one neutral prompt share the scores of it. Throws
/// Error, headed by `file` and line, where a neutral prompt is blank.
template <class Backend>
void calibrate(model::BasicTransformer<Backend>& transformer, const typename Backend::Theta& theta,
               const typename Backend::Vector* adapter, const ExampleEncoder& encoder,
               std::vector<EncodedExample>& rows, std::string_view file) {
  std::vector<EncodedExample> neutral;           // the distinct ones
  std::vector<std::size_t> of(rows.size());  // each row's
  std::map<std::pair<const OptionTokens*, std::string>, std::size_t> seen;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto [place, fresh] =
        seen.try_emplace({rows[i].options.get(), rows[i].example->neutral}, neutral.size());
    if (fresh) neutral.push_back(encoder.neutral(rows[i], fmt::format("{}:{}", file, rows[i].example->line)));
    of[i] = place->second;
  }
  const std::vector<std::vector<double>> scores = score_examples(transformer, theta, adapter, neutral);
  std::vector<std::shared_ptr<const OptionTokens>> calibrated(neutral.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::shared_ptr<const OptionTokens>& options = calibrated[of[i]];
    if (options == nullptr) {
      auto made = std::make_shared<OptionTokens>(*rows[i].options);
      made->offsets = scores[of[i]];
      options = std::move(made);
    }
    rows[i].options = options;
  }
}

}  // namespace zofo::llm
