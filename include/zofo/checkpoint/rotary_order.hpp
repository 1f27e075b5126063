/// @file Two orders of the rows of an attention head: rotary pairs adjacent, or half a head apart.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace zofo::checkpoint {

/// The rows of q or k.
struct RotaryRows {
  std::size_t heads = 0;     ///< heads
  std::size_t head_dim = 0;  ///< rows of a head
  std::size_t rotated = 0;   ///< first rows of a head that are rotated
};

/// Converts Hugging Face's order to that of this library and GGUF: in every head the rows j and j +
/// rotated/2, which a rotary position rotates together, become the adjacent rows 2j and 2j + 1. In place.
/// weights: the matrix of q or k, [heads·head_dim, cols], or its bias (cols 1). Throws Error unless `rotated`
/// is even and the sizes agree.
void interleave_rotary(std::span<float> weights, const RotaryRows& rows, std::size_t cols);

/// Whether the GGUF files of an architecture (`general.architecture`) hold q and k in Hugging Face's order.
bool gguf_holds_halves(std::string_view architecture);

/// The inverse of interleave_rotary.
void halve_rotary(std::span<float> weights, const RotaryRows& rows, std::size_t cols);

}  // namespace zofo::checkpoint
