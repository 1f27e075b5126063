/// @file Weights in the order and with the offset of a file.
#pragma once

#include <span>

#include "zofo/model/config.hpp"
#include "zofo/model/layout.hpp"

namespace zofo::llm {

///@{
/// Converts the rows of q, k, their biases and the gains of their norms from Hugging Face's order to this
/// library's, or back; other weights are not changed.
void to_rotary_pairs(std::span<float> values, const model::Config& config, const model::Tensor& weight);
void to_rotary_halves(std::span<float> values, const model::Config& config, const model::Tensor& weight);
///@}

/// Adds the offset of the norms' gains, which GGUF files contain and Hugging Face's files do not, times
/// `sign`; other weights are not changed.
void add_gain_offset(std::span<float> values, const model::Config& config, const model::Tensor& weight,
                     float sign);

}  // namespace zofo::llm
