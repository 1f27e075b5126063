/// @file The interface of text generators, and metrics of generated answers.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "zofo/data/answer_metrics.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/lm/generation_state.hpp"

namespace zofo::llm {

/// Generates a text after each prompt.
using Generator =
    std::function<std::vector<std::string>(std::span<const Tokens> prompts, const EndOfText& end)>;

/// The prompts of examples, after which their answers are generated.
std::vector<Tokens> prompts_of(std::span<const EncodedExample> examples);

/// Mean exact match and F1 of the answers that `generator` generates after the examples' prompts, against the
/// references of EncodedExample::source. Throws Error if there are no examples, or not one text per prompt.
data::AnswerScore evaluate_generated(const Generator& generator, std::span<const EncodedExample> examples,
                                     const data::Task& task);

}  // namespace zofo::llm
