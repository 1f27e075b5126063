/// @file Rows of prompts before embedded tokens, their gradients, and LoRA's inputs less what dropout takes.
/// T is bf16 or float; widths are multiples of 8, rows dense.
#pragma once

#include "zofo/tensor/cuda/kernels/noise.hpp"
#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// Which sequences begin with a prompt's rows: prompt[s] numbers that of sequence s, −1: none. Both arrays
/// are on the GPU; sequences beyond the batch's have none.
struct PromptedSequences {
  const std::uint32_t* cu_seqlens = nullptr;
  const std::int32_t* prompt = nullptr;
  std::uint32_t sequences = 0;
  std::uint32_t length = 0;  ///< rows of a prompt
};

/// The first rows of each sequence with a prompt become it, at every probe. prompts: [number, length, width]
/// fp32; h: [rows, width].
template <class T>
void write_prompts(cudaStream_t stream, const Rows& rows, const PromptedSequences& at, std::uint32_t width,
                   const float* prompts, T* h);

/// d_prompts[number, length, width] = the sum of dh's rows over the sequences of each of `count` prompts, in
/// their order; one probe.
template <class T>
void prompt_gradients(cudaStream_t stream, const PromptedSequences& at, std::uint32_t width,
                      std::uint32_t count, const T* dh, float* d_prompts);

/// A mask of peft/dropout.hpp; `key` on the GPU: seed, step and query of the words.
struct DropoutArgument {
  const ProbeArgument* key = nullptr;
  std::uint32_t mask_id = 0, threshold = 0;
  float scale = 1.0F;
};
/// y[row] = mask ∘ x[row], added to y where `add`; x, y: [rows, width].
template <class T>
void drop(cudaStream_t stream, std::size_t rows, std::uint32_t width, const DropoutArgument& mask, const T* x,
          bool add, T* y);

}  // namespace zofo::tensor::cuda
