/// @file Calibration: scores minus the scores of the same answer choices after a neutral prompt.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/evaluate.hpp"

namespace zofo::llm {

namespace detail {

/// The distinct neutral prompts of examples.
struct NeutralExamples {
  std::vector<EncodedExample> examples;  ///< one for each pair of choices and neutral prompt
  std::vector<std::size_t> index;        ///< of each example in that list
};

/// Encodes the neutral prompts. Throws Error starting with `file` and line where one is blank.
NeutralExamples neutral_examples(const ExampleEncoder& encoder, std::span<const EncodedExample> examples,
                                 std::string_view file);

/// Sets the scores of each example's neutral prompt as the offsets of its choices.
void set_offsets(std::span<EncodedExample> examples, const NeutralExamples& neutral,
                 std::span<const std::vector<double>> scores);

}  // namespace detail

/// Sets the offsets log P(choice | neutral prompt) of every example's choices, by the task's rule (sum or
/// mean). The calibrated score measures how much the example supports a choice, and no longer how common its
/// words are (surface form competition; Holtzman et al., 2021, "PMI_DC"). Examples of one neutral prompt
/// share its scores. Throws Error starting with `file` and line where a neutral prompt is blank.
template <class Backend>
void calibrate(model::BasicTransformer<Backend>& transformer, const typename Backend::Theta& theta,
               const typename Backend::Vector* adapter, const ExampleEncoder& encoder,
               std::vector<EncodedExample>& examples, std::string_view file) {
  const detail::NeutralExamples neutral = detail::neutral_examples(encoder, examples, file);
  detail::set_offsets(examples, neutral,
                      score_examples(transformer, theta, adapter, std::span(neutral.examples)));
}

}  // namespace zofo::llm
