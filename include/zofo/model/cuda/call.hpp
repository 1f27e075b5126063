/// @file A packed batch, its adapters, probes and wanted log-probabilities on the card.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/head_rows.hpp"
#include "zofo/model/packing.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/tensor/cuda/buffer.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/error.hpp"
#include "zofo/tensor/cuda/kernels/head.hpp"
#include "zofo/tensor/cuda/kernels/noise.hpp"
#include "zofo/tensor/cuda/types.hpp"
#include "zofo/tensor/cuda/vector.hpp"

namespace zofo::model {

/// Sizes of a call rounded up to buckets, so that calls of nearly one size run the same recorded graph.
struct CallShape {
  std::uint32_t tokens = 0, sequences = 0, longest = 0;
  std::uint32_t head_rows = 0, targets = 0;
  std::uint32_t probes = 1, adapters = 0;
  friend bool operator==(const CallShape&, const CallShape&) = default;

  /// The smallest bucket that holds n: a multiple of `step`, or of about an eighth of n where that is more.
  static std::uint32_t bucket(std::size_t n, std::uint32_t step) {
    std::size_t grain = step;
    while (grain * 16 <= n) grain *= 2;
    return static_cast<std::uint32_t>((n + grain - 1) / grain * grain);
  }
};

/// What one call of the transformer is about. All that varies from call to call travels to the card in one
/// block at addresses that depend on the shape alone, so that a recorded graph reads it there.
class CudaCall {
 public:
  /// Takes up a batch that check_batch has passed, for a group of probes.
  template <class Backend>
  void begin(Backend& backend, const Config& config, const peft::Lora& lora, const Batch& batch,
             std::span<const tensor::cuda::Vector* const> adapters, std::span<const Probe> probes,
             bool keeps) {
    context_ = &backend.context();
    lora_ = &lora;
    config_ = config;
    keeps_ = keeps;
    packing_.set(config, batch);
    head_rows_.set(batch);
    targets_ = batch.targets.size();
    adapted_ = std::ranges::any_of(packing_.runs(), [](const AdapterRun& run) { return run.adapter >= 0; });
    set_shape(batch, adapters.size(), probes.size());
    fill_block(batch, probes);
    send();
    take_adapters(adapters, keeps);
    send_rotary();
  }

  /// log P of each target, [probe][target]; waits for the card.
  template <class Backend>
  std::vector<std::vector<double>> results(Backend& /*backend*/) {
    using tensor::cuda::check;
    const std::size_t n = std::size_t{shape_.probes} * shape_.targets;
    grow(host_log_p_, n);
    check(cudaMemcpyAsync(host_log_p_.data(), log_p_.data(), n * sizeof(double), cudaMemcpyDeviceToHost,
                          stream()),
          "reading log-probabilities");
    context_->synchronise();
    std::vector<std::vector<double>> lists;
    for (std::size_t j = 0; j < shape_.probes; ++j) {
      const double* first = host_log_p_.data() + j * shape_.targets;
      lists.emplace_back(first, first + targets_);
    }
    return lists;
  }
  /// The loss's derivative in each log-probability.
  template <class Backend>
  void set_slopes(Backend& /*backend*/, std::span<const double> slopes) {
    grow(host_slopes_, shape_.targets);
    std::fill_n(host_slopes_.data(), shape_.targets, 0.0);
    std::ranges::copy(slopes, host_slopes_.data());
    tensor::cuda::check(cudaMemcpyAsync(slopes_.data(), host_slopes_.data(), shape_.targets * sizeof(double),
                                        cudaMemcpyHostToDevice, stream()),
                        "handing over the loss's slopes");
  }
  /// Copies the adapters' gradients to their vectors; those of a null entry are dropped.
  template <class Backend>
  void gradients(Backend& /*backend*/, std::span<tensor::cuda::Vector* const> to) const {
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (to[i] == nullptr) continue;
      if (to[i]->size() != lora_->size()) *to[i] = tensor::cuda::Vector(*context_, lora_->size());
      copy(gradients_.data() + i * lora_->size(), to[i]->data());
    }
  }

  [[nodiscard]] const CallShape& shape() const { return shape_; }
  [[nodiscard]] std::size_t rows() const { return std::size_t{shape_.tokens} * shape_.probes; }
  [[nodiscard]] std::size_t probes() const { return shape_.probes; }
  /// Rows of the head a probe, rounded up to their bucket.
  [[nodiscard]] std::size_t head_rows() const { return shape_.head_rows; }
  /// A backward pass follows.
  [[nodiscard]] bool keeps() const { return keeps_; }
  [[nodiscard]] bool adapted() const { return adapted_; }
  [[nodiscard]] const peft::Lora& lora() const { return *lora_; }
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] tensor::cuda::Context& context() const { return *context_; }
  [[nodiscard]] cudaStream_t stream() const { return context_->stream(); }

  [[nodiscard]] tensor::cuda::Rows row_shape() const { return {shape_.tokens, shape_.probes}; }
  [[nodiscard]] tensor::cuda::Rows head_shape() const { return {shape_.head_rows, shape_.probes}; }
  [[nodiscard]] tensor::cuda::PackedTokens packed() const {
    return {at<std::int32_t>(places_.tokens),
            at<std::uint32_t>(places_.positions),
            at<std::int32_t>(places_.adapters),
            at<std::uint32_t>(places_.cu_seqlens),
            shape_.sequences,
            shape_.longest};
  }
  [[nodiscard]] const std::uint32_t* head_tokens() const { return at<std::uint32_t>(places_.head_tokens); }
  [[nodiscard]] const tensor::cuda::TargetArgument* targets() const {
    return at<tensor::cuda::TargetArgument>(places_.targets);
  }
  /// On the card: real head rows, real targets.
  [[nodiscard]] const std::uint32_t* used_head_rows() const { return at<std::uint32_t>(places_.used); }
  [[nodiscard]] const std::uint32_t* used_targets() const { return at<std::uint32_t>(places_.used) + 1; }
  [[nodiscard]] const tensor::cuda::ProbeArgument* probe_arguments() const {
    return at<tensor::cuda::ProbeArgument>(places_.probes);
  }
  /// The probes' scales by themselves.
  [[nodiscard]] const float* scales() const { return at<float>(places_.scales); }
  [[nodiscard]] const float* adapters() const { return adapters_.data(); }
  [[nodiscard]] float* gradients_data() { return gradients_.data(); }
  [[nodiscard]] tensor::cuda::RunningSum* sums() { return sums_.data(); }
  [[nodiscard]] float* picked() { return picked_.data(); }
  [[nodiscard]] double* log_p() { return log_p_.data(); }
  [[nodiscard]] const double* slopes() const { return slopes_.data(); }
  [[nodiscard]] const float* cosines() const { return cosines_.data(); }
  [[nodiscard]] const float* sines() const { return sines_.data(); }
  /// Changes whenever a buffer moved: graphs recorded before it must not run.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }

 private:
  // Where each array starts in the block, in bytes.
  struct Places {
    std::size_t tokens, positions, adapters, cu_seqlens, head_tokens, targets, used, probes, scales, end;
  };

  void set_shape(const Batch& batch, std::size_t adapters, std::size_t probes) {
    std::size_t longest = 1;
    for (std::size_t i = 0; i < batch.sequences(); ++i)
      longest = std::max<std::size_t>(longest, batch.cu_seqlens[i + 1] - batch.cu_seqlens[i]);
    shape_ = {CallShape::bucket(batch.tokens.size(), 64),
              CallShape::bucket(batch.sequences(), 8),
              CallShape::bucket(longest, 32),
              CallShape::bucket(std::max<std::size_t>(head_rows_.tokens.size(), 1), 8),
              CallShape::bucket(std::max<std::size_t>(targets_, 1), 8),
              static_cast<std::uint32_t>(probes),
              static_cast<std::uint32_t>(adapters)};
    std::size_t at = 0;
    const auto place = [&at](std::size_t bytes) {
      const std::size_t here = at;
      at += (bytes + 255) / 256 * 256;
      return here;
    };
    places_.tokens = place(4 * shape_.tokens);
    places_.positions = place(4 * shape_.tokens);
    places_.adapters = place(4 * shape_.tokens);
    places_.cu_seqlens = place(4 * (shape_.sequences + 1));
    places_.head_tokens = place(4 * shape_.head_rows);
    places_.targets = place(sizeof(tensor::cuda::TargetArgument) * shape_.targets);
    places_.used = place(2 * sizeof(std::uint32_t));
    places_.probes = place(sizeof(tensor::cuda::ProbeArgument) * shape_.probes);
    places_.scales = place(sizeof(float) * shape_.probes);
    places_.end = at;
    grow(host_block_, places_.end);
    grow(block_, places_.end);
    grow(sums_, std::size_t{shape_.probes} * shape_.head_rows);
    grow(picked_, std::size_t{shape_.probes} * shape_.targets);
    grow(log_p_, std::size_t{shape_.probes} * shape_.targets);
    grow(slopes_, shape_.targets);
  }

  void fill_block(const Batch& batch, std::span<const Probe> probes) {
    std::memset(host_block_.data(), 0, places_.end);
    std::ranges::copy(batch.tokens, host<std::int32_t>(places_.tokens));
    std::ranges::copy(packing_.positions(), host<std::uint32_t>(places_.positions));
    std::int32_t* adapters = host<std::int32_t>(places_.adapters);
    std::fill_n(adapters, shape_.tokens, -1);
    for (const AdapterRun& run : packing_.runs()) std::fill_n(adapters + run.first, run.count, run.adapter);
    std::uint32_t* cu = host<std::uint32_t>(places_.cu_seqlens);
    std::fill_n(cu, shape_.sequences + 1, static_cast<std::uint32_t>(batch.tokens.size()));
    std::ranges::copy(batch.cu_seqlens, cu);
    std::ranges::copy(head_rows_.tokens, host<std::uint32_t>(places_.head_tokens));
    auto* targets = host<tensor::cuda::TargetArgument>(places_.targets);
    for (std::size_t t = 0; t < targets_; ++t) targets[t] = {head_rows_.row_of[t], batch.targets[t].token};
    host<std::uint32_t>(places_.used)[0] = static_cast<std::uint32_t>(head_rows_.tokens.size());
    host<std::uint32_t>(places_.used)[1] = static_cast<std::uint32_t>(targets_);
    for (std::size_t j = 0; j < probes.size(); ++j) {
      const Probe& p = probes[j];
      const auto scale = static_cast<float>(p.scale);
      host<tensor::cuda::ProbeArgument>(places_.probes)[j] = {p.direction.seed, p.direction.step,
                                                              p.direction.query, scale, 0};
      host<float>(places_.scales)[j] = scale;
    }
  }
  // Every call ends by waiting for its results, so the host's block is not in use any more.
  void send() {
    tensor::cuda::check(
        cudaMemcpyAsync(block_.data(), host_block_.data(), places_.end, cudaMemcpyHostToDevice, stream()),
        "handing over a batch");
  }

  void take_adapters(std::span<const tensor::cuda::Vector* const> adapters, bool keeps) {
    const std::size_t size = lora_->size();
    grow(adapters_, adapters.size() * size);
    for (std::size_t i = 0; i < adapters.size(); ++i) copy(adapters[i]->data(), adapters_.data() + i * size);
    if (!keeps) return;
    grow(gradients_, adapters.size() * size);
    tensor::cuda::check(
        cudaMemsetAsync(gradients_.data(), 0, adapters.size() * size * sizeof(float), stream()),
        "clearing gradients");
  }
  void copy(const float* from, float* to) const {
    tensor::cuda::check(
        cudaMemcpyAsync(to, from, lora_->size() * sizeof(float), cudaMemcpyDeviceToDevice, stream()),
        "copying an adapter");
  }
  // The tables are made once for all positions of the bucket.
  void send_rotary() {
    if (packing_.cosines().size() <= rotary_sent_) return;
    rotary_sent_ = packing_.cosines().size();
    grow(cosines_, rotary_sent_);
    grow(sines_, rotary_sent_);
    for (auto [from, to] :
         {std::pair{packing_.cosines(), cosines_.data()}, std::pair{packing_.sines(), sines_.data()}})
      tensor::cuda::check(
          cudaMemcpyAsync(to, from.data(), rotary_sent_ * sizeof(float), cudaMemcpyHostToDevice, stream()),
          "handing over rotary tables");
    context_->synchronise();  // the tables' memory may move with the next batch
  }

  template <class Buffer>
  void grow(Buffer& buffer, std::size_t n) {
    if (buffer.size() >= n) return;
    buffer = Buffer(*context_, n);
    ++generation_;
  }
  template <class U>
  [[nodiscard]] const U* at(std::size_t place) const {
    return reinterpret_cast<const U*>(block_.data() + place);
  }
  template <class U>
  [[nodiscard]] U* host(std::size_t place) {
    return reinterpret_cast<U*>(host_block_.data() + place);
  }

  tensor::cuda::Context* context_ = nullptr;
  const peft::Lora* lora_ = nullptr;
  Config config_;
  Packing packing_;
  HeadRows head_rows_;
  std::size_t targets_ = 0, rotary_sent_ = 0;
  bool adapted_ = false, keeps_ = false;
  CallShape shape_;
  Places places_{};
  std::uint64_t generation_ = 0;
  tensor::cuda::Pinned<unsigned char> host_block_;
  tensor::cuda::Buffer<unsigned char> block_;
  tensor::cuda::Buffer<float> adapters_, gradients_, cosines_, sines_, picked_;
  tensor::cuda::Buffer<tensor::cuda::RunningSum> sums_;
  tensor::cuda::Buffer<double> log_p_, slopes_;
  tensor::cuda::Pinned<double> host_log_p_, host_slopes_;
};

}  // namespace zofo::model
