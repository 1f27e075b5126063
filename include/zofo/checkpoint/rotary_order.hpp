/// @file Two orders of the rows of an attention head: rotary pairs adjacent, or half a head apart.
#pragma once

#include <cstddef>
#include <span>

namespace zofo::checkpoint {

/// Converts Hugging Face's order to that of this library and GGUF: in every head the rows j and
/// j + head_dim/2, which a rotary position rotates together, become the adjacent rows 2j and 2j + 1. In
/// place. weights: the matrix of q or k, [heads·head_dim, cols], or its bias (cols 1). Throws Error unless
/// head_dim is even and the sizes agree.
void interleave_rotary(std::span<float> weights, std::size_t heads, std::size_t head_dim, std::size_t cols);

/// The inverse of interleave_rotary.
void halve_rotary(std::span<float> weights, std::size_t heads, std::size_t head_dim, std::size_t cols);

}  // namespace zofo::checkpoint
