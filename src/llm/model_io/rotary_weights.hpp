/// @file Converts weights between this library's and Hugging Face's order of rotary rows.
#pragma once

#include <span>

#include "zofo/model/config.hpp"
#include "zofo/model/layout.hpp"

namespace zofo::llm {

/// Converts a weight from Hugging Face's order to this library's (checkpoint::interleave_rotary), in place.
/// Changes only q, k and their biases in models with rotary positions.
void to_rotary_pairs(std::span<float> values, const model::Config& config, const model::Tensor& weight);

/// The inverse of to_rotary_pairs.
void to_rotary_halves(std::span<float> values, const model::Config& config, const model::Tensor& weight);

}  // namespace zofo::llm
