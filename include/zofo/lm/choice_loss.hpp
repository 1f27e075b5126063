/// @file The loss of an example's answer choices, from their log-probabilities.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "zofo/lm/encoded_example.hpp"

namespace zofo::llm {

/// Score of each choice of one example: the sum or mean of its tokens' log-probabilities minus its offset.
/// `logprobs` holds `options.targets()` numbers, choice by choice.
std::vector<double> option_scores(std::span<const double> logprobs, const OptionTokens& options);

/// −log softmax(scores)[label]. `gradient` is empty or has one entry for each choice, which is set to the
/// derivative by its score.
double choice_loss(std::span<const double> scores, int label, std::span<double> gradient = {});

/// The loss that `options.loss` selects: choice_loss, or minus the score of the correct choice. `gradient` as
/// in choice_loss.
double score_loss(const OptionTokens& options, std::span<const double> scores, int label,
                  std::span<double> gradient = {});

/// Loss of one example. `gradient` is empty, or weight × the derivative by each log-probability is added to
/// it.
double example_loss(std::span<const double> logprobs, const OptionTokens& options, int label,
                    double weight = 1.0, std::span<double> gradient = {});

/// The number of log-probabilities of packed examples.
std::size_t targets_of(std::span<const EncodedExample* const> examples);

/// What an example counts in a mean loss: 1, or its number of scored tokens where the loss is a mean over
/// tokens.
double loss_units(const OptionTokens& options);

/// Mean over packed examples of each one's loss times its own weight (EncodedExample::weight); the divisor is
/// the sum of their loss_units: the number of examples, so that the mean of two halves is that of the whole,
/// or of tokens for Loss::tokens. `logprobs` holds targets_of(examples) numbers. `gradient` is empty, or of
/// the same length: weight × the gradient of the mean is added to it.
double mean_loss(std::span<const double> logprobs, std::span<const EncodedExample* const> examples,
                 double weight = 1.0, std::span<double> gradient = {});

}  // namespace zofo::llm
