/// @file Rows of prompts before embedded tokens, their gradients, and dropout of LoRA's inputs. T is bf16 or
/// float; widths are multiples of 8, rows dense.
#pragma once

#include "zofo/tensor/cuda/kernels/noise.hpp"
#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// Which sequences begin with the rows of a prompt. The arrays are in device memory.
struct PromptedSequences {
  const std::uint32_t* cu_seqlens = nullptr;  ///< first row of each sequence, then the number of rows
  const std::int32_t* prompt = nullptr;       ///< index of each sequence's prompt; −1: none, as padding
  std::uint32_t sequences = 0;                ///< capacity, padding included
  std::uint32_t length = 0;                   ///< rows of a prompt
};

/// Writes the prompt of each sequence that has one to the sequence's first rows, at every probe. prompts:
/// [prompt, length, width] fp32; h: [rows, width].
template <class T>
void write_prompts(cudaStream_t stream, const Rows& rows, const PromptedSequences& at, std::uint32_t width,
                   const float* prompts, T* h);

/// d_prompts[prompt, length, width] = the sum of dh's rows over the sequences of each of `count` prompts, in
/// order; one probe.
template <class T>
void prompt_gradients(cudaStream_t stream, const PromptedSequences& at, std::uint32_t width,
                      std::uint32_t count, const T* dh, float* d_prompts);

/// A mask of peft::DropoutMask.
struct DropoutArgument {
  const ProbeArgument* key = nullptr;  ///< in device memory: seed, step and query of the random words
  std::uint32_t mask_id = 0;           ///< from peft::dropout_mask_id
  std::uint32_t threshold = 0;         ///< as in peft::DropoutMask
  float scale = 1.0F;                  ///< as in peft::DropoutMask
};
/// y[row] = mask ∘ x[row], or y[row] += it if `add`; x, y: [rows, width].
template <class T>
void drop(cudaStream_t stream, std::size_t rows, std::uint32_t width, const DropoutArgument& mask, const T* x,
          bool add, T* y);

}  // namespace zofo::tensor::cuda
