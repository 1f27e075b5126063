/// @file The data that varies from call to call, copied to the GPU at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "zofo/core/probe.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/cuda/call_shape.hpp"
#include "zofo/model/head_rows.hpp"
#include "zofo/model/packing.hpp"
#include "zofo/peft/dropout.hpp"
#include "zofo/tensor/cuda/buffer.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/error.hpp"
#include "zofo/tensor/cuda/kernels/head.hpp"
#include "zofo/tensor/cuda/kernels/noise.hpp"

namespace zofo::model {

/// A block of host memory and its copy in device memory. The arrays' offsets depend only on the call's shape,
/// so a recorded graph reads the next call's data at the same addresses. Returned pointers are to device
/// memory and valid until the next set_shape.
class CallUpload {
 public:
  /// Lays out the block for calls of this shape. Throws Error if memory is short.
  void set_shape(tensor::cuda::Context& context, const CallShape& shape) {
    shape_ = shape;
    at_ = CallOffsets(shape);
    grow(context, host_);
    grow(context, device_);
  }

  /// Writes all arrays except slots and dropout. The host block is free: each call waits for its results.
  void fill(const Packing& packing, const HeadRows& head_rows, const Batch& batch,
            std::span<const Probe> probes) {
    std::memset(host_.data(), 0, at_.end);
    std::ranges::copy(packing.row_tokens(), host<std::int32_t>(at_.tokens));
    std::ranges::copy(packing.positions(), host<std::uint32_t>(at_.positions));
    std::ranges::copy(packing.rotary_rows(), host<std::uint32_t>(at_.rotary));
    std::int32_t* adapters = host<std::int32_t>(at_.adapters);
    std::fill_n(adapters, shape_.tokens, -1);
    for (const AdapterRun& run : packing.runs()) std::fill_n(adapters + run.first, run.count, run.adapter);
    std::uint32_t* cu = host<std::uint32_t>(at_.cu_seqlens);
    std::fill_n(cu, shape_.sequences + 1, static_cast<std::uint32_t>(packing.tokens()));
    std::ranges::copy(packing.cu_seqlens(), cu);
    fill_virtual_tokens(packing);
    std::ranges::copy(head_rows.tokens, host<std::uint32_t>(at_.head_tokens));
    auto* targets = host<tensor::cuda::TargetArgument>(at_.targets);
    for (std::size_t t = 0; t < batch.targets.size(); ++t)
      targets[t] = {head_rows.row_of[t], batch.targets[t].token};
    host<std::uint32_t>(at_.used)[0] = static_cast<std::uint32_t>(head_rows.tokens.size());
    host<std::uint32_t>(at_.used)[1] = static_cast<std::uint32_t>(batch.targets.size());
    for (std::size_t j = 0; j < probes.size(); ++j) {
      const Probe& p = probes[j];
      const auto scale = static_cast<float>(p.scale);
      host<tensor::cuda::ProbeArgument>(at_.probes)[j] = {p.direction.seed, p.direction.step,
                                                          p.direction.query, scale, 0};
      host<float>(at_.scales)[j] = scale;
    }
  }
  /// Writes the key of the masks.
  void fill_dropout(const peft::DropoutKey& key) {
    host<tensor::cuda::ProbeArgument>(at_.dropout)[0] = {key.seed, key.step, peft::DropoutMask::query, 0.0F,
                                                         0};
  }
  /// Writes the slot of each row; `slots`: one per sequence, or none.
  void fill_slots(const Packing& packing, std::span<const std::uint32_t> slots) {
    std::int32_t* const of_row = host<std::int32_t>(at_.slots);
    std::fill_n(of_row, shape_.tokens, -1);
    const auto cu = packing.cu_seqlens();
    for (std::size_t i = 0; i < slots.size(); ++i)
      std::fill_n(of_row + cu[i], cu[i + 1] - cu[i], static_cast<std::int32_t>(slots[i]));
  }
  /// Queues the copy to the GPU.
  void send(cudaStream_t stream) {
    tensor::cuda::check(
        cudaMemcpyAsync(device_.data(), host_.data(), at_.end, cudaMemcpyHostToDevice, stream),
        "uploading a batch");
  }

  ///@{
  /// Each row's token, position and row of the rotary tables; LoRA adapter and prefix, −1: none; each
  /// sequence's prompt, −1: none; each row's cache slot, −1: none; first row of each sequence; the token of
  /// each head row; the targets.
  [[nodiscard]] const std::int32_t* tokens() const { return device<std::int32_t>(at_.tokens); }
  [[nodiscard]] const std::uint32_t* positions() const { return device<std::uint32_t>(at_.positions); }
  [[nodiscard]] const std::uint32_t* rotary_rows() const { return device<std::uint32_t>(at_.rotary); }
  [[nodiscard]] const std::int32_t* adapters() const { return device<std::int32_t>(at_.adapters); }
  [[nodiscard]] const std::int32_t* prefixes() const { return device<std::int32_t>(at_.prefixes); }
  [[nodiscard]] const std::int32_t* prompts() const { return device<std::int32_t>(at_.prompts); }
  [[nodiscard]] const std::int32_t* slots() const { return device<std::int32_t>(at_.slots); }
  [[nodiscard]] const std::uint32_t* cu_seqlens() const { return device<std::uint32_t>(at_.cu_seqlens); }
  [[nodiscard]] const std::uint32_t* head_tokens() const { return device<std::uint32_t>(at_.head_tokens); }
  [[nodiscard]] const tensor::cuda::TargetArgument* targets() const {
    return device<tensor::cuda::TargetArgument>(at_.targets);
  }
  ///@}
  ///@{
  /// The numbers of head rows and of targets that are not padding.
  [[nodiscard]] const std::uint32_t* used_head_rows() const { return device<std::uint32_t>(at_.used); }
  [[nodiscard]] const std::uint32_t* used_targets() const { return device<std::uint32_t>(at_.used) + 1; }
  ///@}
  ///@{
  /// The probes, their scales as an array, and the key of dropout masks.
  [[nodiscard]] const tensor::cuda::ProbeArgument* probes() const {
    return device<tensor::cuda::ProbeArgument>(at_.probes);
  }
  [[nodiscard]] const float* scales() const { return device<float>(at_.scales); }
  [[nodiscard]] const tensor::cuda::ProbeArgument* dropout() const {
    return device<tensor::cuda::ProbeArgument>(at_.dropout);
  }
  ///@}
  /// Increases when the block is reallocated.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }

 private:
  void fill_virtual_tokens(const Packing& packing) {
    std::int32_t* const prefixes = host<std::int32_t>(at_.prefixes);
    std::fill_n(prefixes, shape_.tokens, -1);
    const auto cu = packing.cu_seqlens();
    const auto prefix_of = packing.of_sequence(peft::Kind::prefix);
    for (std::size_t i = 0; i < prefix_of.size(); ++i)
      std::fill_n(prefixes + cu[i], cu[i + 1] - cu[i], prefix_of[i]);
    std::int32_t* const prompts = host<std::int32_t>(at_.prompts);
    std::fill_n(prompts, shape_.sequences, -1);
    std::ranges::copy(packing.of_sequence(peft::Kind::prompt), prompts);
  }
  template <class Buffer>
  void grow(tensor::cuda::Context& context, Buffer& buffer) {
    if (buffer.size() >= at_.end) return;
    buffer = Buffer(context, at_.end);
    ++generation_;
  }
  template <class U>
  [[nodiscard]] const U* device(std::size_t offset) const {
    return reinterpret_cast<const U*>(device_.data() + offset);
  }
  template <class U>
  [[nodiscard]] U* host(std::size_t offset) {
    return reinterpret_cast<U*>(host_.data() + offset);
  }

  CallShape shape_;
  CallOffsets at_;
  std::uint64_t generation_ = 0;
  tensor::cuda::Pinned<unsigned char> host_;
  tensor::cuda::Buffer<unsigned char> device_;
};

}  // namespace zofo::model
