/// @file One call of the transformer on the GPU: its packed batch, adapters, probes and results.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "zofo/model/call_inputs.hpp"
#include "zofo/model/cuda/call_shape.hpp"
#include "zofo/model/cuda/call_upload.hpp"
#include "zofo/model/head_rows.hpp"
#include "zofo/model/kv_cache.hpp"
#include "zofo/model/packing.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/peft/dropout.hpp"
#include "zofo/tensor/cuda/buffer.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/error.hpp"
#include "zofo/tensor/cuda/kernels/adapters.hpp"
#include "zofo/tensor/cuda/kernels/decode.hpp"
#include "zofo/tensor/cuda/kernels/head.hpp"
#include "zofo/tensor/cuda/kernels/noise.hpp"
#include "zofo/tensor/cuda/types.hpp"
#include "zofo/tensor/cuda/vector.hpp"

namespace zofo::model {

/// The data of one call of the transformer in device memory. Buffers are reused and grow to the largest call.
class CudaCall {
 public:
  /// Starts a call: packs and uploads the batch, copies the adapters.
  template <class Backend>
  void begin(Backend& backend, const Config& config, const peft::Adapters& layouts,
             const CallInputs<tensor::cuda::Vector, typename Backend::Scalar>& inputs) {
    context_ = &backend.context();
    layouts_ = &layouts;
    config_ = config;
    saves_activations_ = inputs.backward;
    packing_.set(config, layouts, *inputs.batch, inputs.adapters.size(), inputs.cached.lengths);
    take_cache(inputs.cached);
    head_rows_.set(*inputs.batch, packing_);
    targets_ = inputs.batch->targets.size();
    set_dropout(inputs.dropout);
    set_shape(inputs.probes.size());
    upload_.fill(packing_, head_rows_, *inputs.batch, inputs.probes);
    if (mask_) upload_.fill_dropout(*inputs.dropout);
    upload_.fill_slots(packing_, inputs.cached.slots);
    upload_.send(stream());
    take_adapters(inputs.adapters, saves_activations_);
    send_rotary();
  }

  /// log P of each target, [probe][target]; waits for the GPU.
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
  /// The most probable token at each target's position; −1: a logit there is not a number. Waits for the
  /// GPU.
  template <class Backend>
  std::vector<std::int32_t> best_tokens(Backend& /*backend*/) {
    grow(host_best_, shape_.head_rows);
    tensor::cuda::check(
        cudaMemcpyAsync(host_best_.data(), best_.data(), shape_.head_rows * sizeof(std::int32_t),
                        cudaMemcpyDeviceToHost, stream()),
        "reading tokens");
    context_->synchronise();
    std::vector<std::int32_t> of_target;
    for (const std::uint32_t row : head_rows_.row_of) of_target.push_back(host_best_.data()[row]);
    return of_target;
  }
  /// The head row of a target.
  [[nodiscard]] std::size_t head_row(std::size_t target) const { return head_rows_.row_of[target]; }
  /// Sets the derivative of the loss in each target's log-probability.
  template <class Backend>
  void set_dlogprobs(Backend& /*backend*/, std::span<const double> dlogprobs) {
    grow(host_dlogprobs_, shape_.targets);
    std::fill_n(host_dlogprobs_.data(), shape_.targets, 0.0);
    std::ranges::copy(dlogprobs, host_dlogprobs_.data());
    tensor::cuda::check(cudaMemcpyAsync(dlogprobs_.data(), host_dlogprobs_.data(),
                                        shape_.targets * sizeof(double), cudaMemcpyHostToDevice, stream()),
                        "uploading the loss's derivatives");
  }
  /// Copies the adapters' gradients to `to`; null entries are skipped.
  template <class Backend>
  void gradients(Backend& /*backend*/, std::span<tensor::cuda::Vector* const> to) const {
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (to[i] == nullptr) continue;
      const peft::Kind kind = packing_.kind(i);
      const std::size_t size = layouts_->size(kind);
      if (to[i]->size() != size) *to[i] = tensor::cuda::Vector(*context_, size);
      copy(gradients_[peft::index(kind)].data() + packing_.number(i) * size, to[i]->data(), size);
    }
  }

  /// Sizes, rounded up to buckets.
  [[nodiscard]] const CallShape& shape() const { return shape_; }
  /// Rows of all probes.
  [[nodiscard]] std::size_t rows() const { return std::size_t{shape_.tokens} * shape_.probes; }
  /// Probes that share the pass.
  [[nodiscard]] std::size_t probes() const { return shape_.probes; }
  /// Head rows per probe, rounded up to their bucket.
  [[nodiscard]] std::size_t head_rows() const { return shape_.head_rows; }
  /// Whether a backward pass follows.
  [[nodiscard]] bool saves_activations() const { return saves_activations_; }
  /// Whether a sequence has LoRA.
  [[nodiscard]] bool adapted() const { return !packing_.runs().empty(); }
  /// Whether a sequence has an adapter of this kind.
  [[nodiscard]] bool uses(peft::Kind kind) const { return packing_.uses(kind); }
  ///@{
  /// The layouts of the adapters, and that of LoRA.
  [[nodiscard]] const peft::Adapters& layouts() const { return *layouts_; }
  [[nodiscard]] const peft::Lora& lora() const { return layouts_->lora(); }
  ///@}
  /// Whether inputs of LoRA are masked in this call.
  [[nodiscard]] bool drops() const { return mask_.has_value(); }
  /// The dropout mask of a projection of a layer.
  [[nodiscard]] tensor::cuda::DropoutArgument mask(std::size_t layer, peft::Projection projection) const {
    return {upload_.dropout(), peft::dropout_mask_id(layer, static_cast<std::size_t>(projection)),
            mask_->threshold, mask_->scale};
  }
  ///@{
  /// The model's sizes, the GPU and its main stream.
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] tensor::cuda::Context& context() const { return *context_; }
  [[nodiscard]] cudaStream_t stream() const { return context_->stream(); }
  ///@}

  ///@{
  /// Rows of the blocks and of the head, and the packed tokens, as kernels read them.
  [[nodiscard]] tensor::cuda::Rows row_shape() const { return {shape_.tokens, shape_.probes}; }
  [[nodiscard]] tensor::cuda::Rows head_shape() const { return {shape_.head_rows, shape_.probes}; }
  [[nodiscard]] tensor::cuda::PackedTokens packed() const {
    return {upload_.tokens(),     upload_.positions(), upload_.adapters(),
            upload_.cu_seqlens(), shape_.sequences,    shape_.longest};
  }
  ///@}
  /// The packed tokens with each row's prefix as its adapter.
  [[nodiscard]] tensor::cuda::PackedTokens packed_prefixes() const {
    tensor::cuda::PackedTokens packed_rows = packed();
    packed_rows.adapter = upload_.prefixes();
    return packed_rows;
  }
  ///@{
  /// Whether the call has a key/value cache, and whether it is a decode step.
  [[nodiscard]] bool caches() const { return cache_.exists(); }
  [[nodiscard]] bool decodes() const { return shape_.keys > 0; }
  ///@}
  /// One layer of the cache.
  template <class T>
  [[nodiscard]] tensor::CacheLayer<T> cache(std::size_t layer) const {
    return tensor::CacheView<T>{static_cast<T*>(cache_.data), cache_.slots, cache_.positions, cache_.kv_heads,
                                cache_.dim}
        .layer(layer);
  }
  /// Address of the cache: part of the key of a recorded pass.
  [[nodiscard]] const void* cache_address() const { return cache_.data; }
  /// Slots and positions of the rows.
  [[nodiscard]] tensor::cuda::CachedRows cached_rows() const {
    return {upload_.slots(), upload_.positions(), shape_.tokens};
  }
  /// The sequences that begin with a prompt.
  [[nodiscard]] tensor::cuda::PromptedSequences prompted() const {
    return {upload_.cu_seqlens(), upload_.prompts(), shape_.sequences, layouts_->prompt().tokens()};
  }
  ///@{
  /// The packed token of each head row, and the targets.
  [[nodiscard]] const std::uint32_t* head_tokens() const { return upload_.head_tokens(); }
  [[nodiscard]] tensor::cuda::Targets targets() const {
    return {upload_.targets(), shape_.targets, upload_.used_targets()};
  }
  ///@}
  /// The number of head rows that are not padding, in device memory.
  [[nodiscard]] const std::uint32_t* used_head_rows() const { return upload_.used_head_rows(); }
  ///@{
  /// The probes, and their scales as an array.
  [[nodiscard]] const tensor::cuda::ProbeArgument* probe_arguments() const { return upload_.probes(); }
  [[nodiscard]] const float* scales() const { return upload_.scales(); }
  ///@}
  ///@{
  /// The adapters of a kind one after the other, and their gradients.
  [[nodiscard]] const float* adapters(peft::Kind kind) const { return adapters_[peft::index(kind)].data(); }
  [[nodiscard]] float* gradients_data(peft::Kind kind) { return gradients_[peft::index(kind)].data(); }
  ///@}
  ///@{
  /// Sums of exponentials, [probe][head row]; logits of targets, [probe][target]; the most probable token of
  /// each head row; log-probabilities, [probe][target]; derivatives of the loss in them; rotary tables.
  [[nodiscard]] tensor::cuda::RunningSum* sums() { return sums_.data(); }
  [[nodiscard]] float* picked() { return picked_.data(); }
  [[nodiscard]] std::int32_t* best() { return best_.data(); }
  [[nodiscard]] double* log_p() { return log_p_.data(); }
  [[nodiscard]] const double* dlogprobs() const { return dlogprobs_.data(); }
  [[nodiscard]] const float* cosines(LayerRope rope) const { return cosines_.data() + rotary_at(rope); }
  [[nodiscard]] const float* sines(LayerRope rope) const { return sines_.data() + rotary_at(rope); }
  ///@}
  /// Each row's row of the rotary tables.
  [[nodiscard]] const std::uint32_t* rotary_rows() const { return upload_.rotary_rows(); }
  /// Increases when a buffer is reallocated: graphs recorded before must not run.
  [[nodiscard]] std::uint64_t generation() const { return generation_ + upload_.generation(); }

 private:
  template <class T>
  void take_cache(const CachedCall<T>& cached) {
    const tensor::CacheView<T>& view = cached.cache;
    cache_ = {view.data, view.slots, view.positions, view.kv_heads, view.dim};
    cached_keys_ = cached.decodes() ? cached.longest() : 0;
  }
  void set_dropout(std::optional<peft::DropoutKey> dropout) {
    mask_.reset();
    if (!dropout || !layouts_->has(peft::Kind::lora) || lora().options().dropout == 0.0F) return;
    mask_ = peft::DropoutMask(lora().options().dropout);
  }
  [[nodiscard]] std::uint32_t used_of(peft::Kind kind) const {
    return uses(kind) ? static_cast<std::uint32_t>(packing_.count(kind)) : 0;
  }
  void set_shape(std::size_t probes) {
    std::size_t longest = 1;
    const auto cu = packing_.cu_seqlens();
    for (std::size_t i = 0; i + 1 < cu.size(); ++i)
      longest = std::max<std::size_t>(longest, cu[i + 1] - cu[i]);
    // A decode step has one row per sequence: small buckets avoid work on padding.
    shape_ = {CallShape::bucket(packing_.tokens(), cached_keys_ > 0 ? 8 : 64),
              CallShape::bucket(cu.size() - 1, 8),
              CallShape::bucket(longest, 32),
              CallShape::bucket(std::max<std::size_t>(head_rows_.tokens.size(), 1), 8),
              CallShape::bucket(std::max<std::size_t>(targets_, 1), 8),
              static_cast<std::uint32_t>(probes),
              static_cast<std::uint32_t>(packing_.count(peft::Kind::lora)),
              used_of(peft::Kind::prefix),
              used_of(peft::Kind::prompt),
              cached_keys_ > 0 ? CallShape::bucket(cached_keys_, 128) : 0};
    upload_.set_shape(*context_, shape_);
    grow(sums_, std::size_t{shape_.probes} * shape_.head_rows);
    grow(best_, shape_.head_rows);
    grow(picked_, std::size_t{shape_.probes} * shape_.targets);
    grow(log_p_, std::size_t{shape_.probes} * shape_.targets);
    grow(dlogprobs_, shape_.targets);
  }

  void take_adapters(std::span<const tensor::cuda::Vector* const> adapters, bool saves_activations) {
    for (std::size_t k = 0; k < adapters_.size(); ++k) {
      const auto kind = static_cast<peft::Kind>(k);
      const std::size_t entries = packing_.count(kind) * layouts_->size(kind);
      grow(adapters_[k], entries);
      if (!saves_activations || entries == 0) continue;
      grow(gradients_[k], entries);
      tensor::cuda::check(cudaMemsetAsync(gradients_[k].data(), 0, entries * sizeof(float), stream()),
                          "clearing gradients");
    }
    for (std::size_t i = 0; i < adapters.size(); ++i) {
      const std::size_t size = layouts_->size(packing_.kind(i));
      copy(adapters[i]->data(), adapters_[peft::index(packing_.kind(i))].data() + packing_.number(i) * size,
           size);
    }
  }
  void copy(const float* from, float* to, std::size_t size) const {
    tensor::cuda::check(cudaMemcpyAsync(to, from, size * sizeof(float), cudaMemcpyDeviceToDevice, stream()),
                        "copying an adapter");
  }
  [[nodiscard]] std::size_t rotary_at(LayerRope rope) const {
    return packing_.rotary().offset(config_, rope);
  }
  // Uploads the rotary tables if they have grown.
  void send_rotary() {
    const RotaryTables& tables = packing_.rotary();
    if (tables.cosines().size() <= rotary_sent_) return;
    rotary_sent_ = tables.cosines().size();
    grow(cosines_, rotary_sent_);
    grow(sines_, rotary_sent_);
    for (auto [from, to] :
         {std::pair{tables.cosines(), cosines_.data()}, std::pair{tables.sines(), sines_.data()}})
      tensor::cuda::check(
          cudaMemcpyAsync(to, from.data(), rotary_sent_ * sizeof(float), cudaMemcpyHostToDevice, stream()),
          "uploading rotary tables");
    context_->synchronise();  // the next batch may reallocate the tables
  }

  template <class Buffer>
  void grow(Buffer& buffer, std::size_t n) {
    if (buffer.size() >= n) return;
    buffer = Buffer(*context_, n);
    ++generation_;
  }

  tensor::cuda::Context* context_ = nullptr;
  const peft::Adapters* layouts_ = nullptr;
  Config config_;
  Packing packing_;
  HeadRows head_rows_;
  std::size_t targets_ = 0, rotary_sent_ = 0, cached_keys_ = 0;
  tensor::CacheView<void> cache_;
  bool saves_activations_ = false;
  std::optional<peft::DropoutMask> mask_;
  CallShape shape_;
  CallUpload upload_;
  std::uint64_t generation_ = 0;
  std::array<tensor::cuda::Buffer<float>, peft::kind_names.size()> adapters_, gradients_;  // one a kind
  tensor::cuda::Buffer<float> cosines_, sines_, picked_;
  tensor::cuda::Buffer<tensor::cuda::RunningSum> sums_;
  tensor::cuda::Buffer<double> log_p_, dlogprobs_;
  tensor::cuda::Buffer<std::int32_t> best_;
  tensor::cuda::Pinned<double> host_log_p_, host_dlogprobs_;
  tensor::cuda::Pinned<std::int32_t> host_best_;
};

}  // namespace zofo::model
