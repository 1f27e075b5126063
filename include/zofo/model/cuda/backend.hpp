/// @file The transformer's operations on the GPU: the fused kernels of tensor/cuda in the order that
/// model/block.hpp and model/head.hpp give.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "zofo/model/cuda/head.hpp"
#include "zofo/model/cuda/probed_dense.hpp"
#include "zofo/model/cuda/probed_low_rank.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/probed.hpp"
#include "zofo/model/target_modules.hpp"
#include "zofo/tensor/cuda/kernels/adapters.hpp"
#include "zofo/tensor/cuda/kernels/attention.hpp"
#include "zofo/tensor/cuda/kernels/decode.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"
#include "zofo/tensor/cuda/kernels/vector.hpp"

namespace zofo::model {

/// Perturbation distributions that the GPU generates: dense ones in registers, low-rank ones as factors.
template <class Distribution>
concept CudaDistribution =
    std::is_same_v<Distribution, NoPerturbation> || std::is_same_v<Distribution, Gaussian> ||
    std::is_same_v<Distribution, Rademacher> || std::is_same_v<Distribution, LowRank>;

/// bf16 (sums in fp32) or fp32 on one GPU. All operations are queued; only reading results waits. The second
/// pass of a shape is recorded into a graph; later ones replay it. Refers to the context.
template <class T>
class CudaBackend : public CudaHead<T> {
  using Base = CudaHead<T>;

 public:
  using Base::Base;
  using Base::context;
  using Base::float_view;
  using typename Base::Call;
  using typename Base::ConstView;
  using typename Base::FloatBuffer;
  using typename Base::Theta;
  using typename Base::View;

  /// Tokens per batch from which more tokens do not make the GPU faster.
  static constexpr std::size_t max_batch_tokens = 8192;
  /// Sequences that are decoded together.
  static constexpr std::size_t max_batch_sequences = 64;

  /// Throws Error naming the field whose value no kernel supports.
  void check(const Config& c) const {
    const auto eights = [](const char* field, std::size_t value) {
      require(value % 8 == 0,
              "model config: {} = {}: the CUDA backend needs a multiple of 8 (--device cpu: any value)",
              field, value);
    };
    eights("width", c.width);
    eights("head_dim", c.head_dim);
    eights("ffn", c.ffn);
    eights("embedding_width", c.embedding_width);
    require(c.width <= 16384,
            "model config: width = {}: the CUDA backend supports at most 16384 (--device cpu: any value)",
            c.width);
    require(c.embedding_width <= 16384,
            "model config: embedding_width = {}: the CUDA backend supports at most 16384 (--device cpu: any "
            "value)",
            c.embedding_width);
    require(c.head_dim <= 256,
            "model config: head_dim = {}: the CUDA backend supports at most 256 (--device cpu: any value)",
            c.head_dim);
  }

  /// Groups of probes: neighbours of one direction, whose noise is generated once, or all low-rank probes.
  template <class Distribution>
  static std::vector<ProbeGroup> groups(const Distribution& /*distribution*/, std::span<const Probe> probes) {
    if constexpr (std::is_same_v<Distribution, LowRank>) {
      if (probes.empty()) return {};
      return {{0, probes.size()}};
    } else {
      return group_probes(probes);
    }
  }
  /// The weights at the probes of a group.
  template <class Distribution>
  auto at_probes(const Theta& theta, const Distribution& distribution, std::span<const Probe> group) {
    static_assert(CudaDistribution<Distribution>,
                  "zofo: the CUDA backend generates Gaussian, Rademacher and LowRank directions (concept "
                  "CudaDistribution)");
    if constexpr (std::is_same_v<Distribution, LowRank>)
      return CudaLowRank<T>(theta, distribution, group, state_->probes, state_->options.overlap_below);
    else
      return CudaDense<T>(theta, distribution_of(distribution), state_->probes,
                          state_->options.overlap_below);
  }
  /// Rows of the head's matrix per slice: half of the weights of a stage, or four million weights if that is
  /// more, so that perturbed slices fit into the ring buffer and logits stay small.
  static std::size_t head_slice(const Config& c) {
    const std::size_t half_a_stage = std::max(c.qkv_width() + c.query_width(), c.ffn_in()) / 2;
    const std::size_t four_million = (std::size_t{1} << 22U) / c.width;
    return (std::max(half_a_stage, four_million) + 63) / 64 * 64;
  }

  /// Number of thread blocks that share the keys of a row in a decode step of `rows` rows. A step of the
  /// smallest bucket is sized for one sequence, since the other rows may be padding.
  static std::uint32_t splits(const tensor::cuda::AttentionShape& shape, std::uint32_t rows,
                              std::size_t keys) {
    return tensor::cuda::decode_splits(shape, rows > 8 ? rows : 1, keys);
  }

  // ---- the block ----
  /// h += the pending low-rank products of modules before it, then x = norm(h).
  void norm(Call& call, const Config& c, const TargetModules& pending, const NormWeights<T>& w, View h,
            View x) {
    const std::size_t per_probe = h.rows / call.probes();
    tensor::cuda::norm<T>(call.stream(), {.kind = kind(c),
                                          .rows = {static_cast<std::uint32_t>(per_probe), probes(call)},
                                          .width = static_cast<std::uint32_t>(h.cols),
                                          .h = h.data,
                                          .products = products_of(call, low_rank_projections(call, pending)),
                                          .gain = w.gain,
                                          .bias = w.bias,
                                          .eps = c.norm_eps,
                                          .offset = c.gain_offset,
                                          .x = x.data});
  }
  /// dx += the gradient through LoRA of `modules`, then dh += the gradient of norm at h; one probe.
  void norm_backward(Call& call, const Config& c, const NormWeights<T>& w, View h,
                     const TargetModules& modules, View dx, View dh) {
    const tensor::cuda::LowRankProjections list = pending_products(call, modules, dx);
    tensor::cuda::norm_backward<T>(call.stream(), {.kind = kind(c),
                                                   .rows = {static_cast<std::uint32_t>(h.rows), 1},
                                                   .width = static_cast<std::uint32_t>(h.cols),
                                                   .h = h.data,
                                                   .gain = w.gain,
                                                   .eps = c.norm_eps,
                                                   .offset = c.gain_offset,
                                                   .dx = dx.data,
                                                   .products = input_products_of(call, list),
                                                   .accumulate = true,
                                                   .dh = dh.data});
  }
  // ---- prefixes and prompts ----
  /// Prepares a pass: converts prefixes to T.
  void begin_pass(Call& call) {
    if (call.shape().prefixes == 0) return;
    const std::size_t n = call.shape().prefixes * call.layouts().prefix().size();
    const float* const from = call.adapters(peft::Kind::prefix);
    grow(state_->prefixes.memory, n);
    if constexpr (std::is_same_v<T, float>)
      tensor::cuda::check(cudaMemcpyAsync(state_->prefixes.memory.data(), from, n * sizeof(float),
                                          cudaMemcpyDeviceToDevice, context().stream()),
                          "copying prefixes");
    else
      tensor::cuda::narrow(context().stream(), n, from, state_->prefixes.memory.data());
  }
  /// Writes the vectors of prompts to their rows of h, at each probe.
  void write_prompts(Call& call, View h) const {
    tensor::cuda::write_prompts<T>(call.stream(), rows_of(call, h.rows), call.prompted(),
                                   static_cast<std::uint32_t>(h.cols), call.adapters(peft::Kind::prompt),
                                   h.data);
  }
  /// Writes the gradients of the prompts; one probe.
  void prompt_gradient(Call& call, ConstView dh) const {
    tensor::cuda::prompt_gradients<T>(call.stream(), call.prompted(), static_cast<std::uint32_t>(dh.cols),
                                      call.shape().prompts, dh.data, call.gradients_data(peft::Kind::prompt));
  }
  /// to = from + factor·x; all are dense.
  void add_scaled(Call& call, ConstView from, ConstView x, float factor, View to) const {
    tensor::cuda::scaled_sum<T>(call.stream(), x.rows * x.cols, from.data, x.data, factor, to.data);
  }
  /// to = factor·x; `to` may be x; both are dense.
  void scaled(Call& call, ConstView x, float factor, View to) const {
    tensor::cuda::scaled_sum<T>(call.stream(), x.rows * x.cols, nullptr, x.data, factor, to.data);
  }
  /// Norms of queries and keys at each probe, in place.
  void qk_norm(Call& call, const Config& c, tensor::PerProbe<T> q_gain, tensor::PerProbe<T> k_gain,
               View qkv) const {
    tensor::cuda::segment_norm<T>(call.stream(), qk_norms(call, c, q_gain, k_gain, qkv));
  }
  /// The gradient of qk_norm at `raw`, in place of the output gradient d_qkv; one probe.
  void qk_norm_backward(Call& call, const Config& c, tensor::PerProbe<T> q_gain, tensor::PerProbe<T> k_gain,
                        ConstView raw, View d_qkv) const {
    tensor::cuda::segment_norm_backward<T>(call.stream(), qk_norms(call, c, q_gain, k_gain, d_qkv), raw.data);
  }
  /// qkv += the products of LoRA and low-rank probes, then queries and keys are rotated by their positions.
  void finish_qkv(Call& call, const Config& c, std::size_t layer, const TargetModules& modules, View qkv) {
    turn(call, c, layer, low_rank_projections(call, modules), 1.0F, qkv);
  }
  /// Gradient of the rotation.
  void rotate_back(Call& call, const Config& c, std::size_t layer, View d_qkv) {
    turn(call, c, layer, {}, -1.0F, d_qkv);
  }
  /// out = attention; stores keys and values in the call's cache, if there is one.
  void attention(Call& call, const Config& c, std::size_t layer, ConstView qkv, View out,
                 FloatBuffer& log_sums) {
    if (call.caches())
      tensor::cuda::cache_rows<T>(call.stream(), heads(c, layer), call.cached_rows(), prefix_of(call, layer),
                                  call.packed_prefixes().adapter, qkv.data, call.template cache<T>(layer));
    if (call.decodes()) return decode_step(call, c, layer, qkv, out);
    float* const sums = call.saves_activations() ? float_view(log_sums, qkv.rows, c.heads).data : nullptr;
    tensor::cuda::attention(call.stream(), heads(c, layer), rows_of(call, qkv.rows), call.packed_prefixes(),
                            prefix_of(call, layer), qkv.data, out.data, sums);
  }
  /// d_qkv = the gradient of attention for d_out; gradients of prefixes are added to the call's.
  void attention_backward(Call& call, const Config& c, std::size_t layer, ConstView qkv, ConstView out,
                          FloatBuffer& log_sums, ConstView d_out, View d_qkv) {
    const tensor::cuda::Rows rows = rows_of(call, qkv.rows);
    const tensor::cuda::AttentionPrefix<T> prefix = prefix_of(call, layer);
    tensor::cuda::PrefixGradient gradient;
    if (prefix.length > 0) {
      float* const to = call.gradients_data(peft::Kind::prefix);
      gradient = {to + call.layouts().prefix().keys(layer), to + call.layouts().prefix().values(layer)};
    }
    grow(state_->sums.memory, tensor::cuda::attention_backward_workspace(
                                  heads(c, layer), rows, call.shape().sequences, prefix.length));
    tensor::cuda::attention_backward(
        call.stream(), tensor::cuda::AttentionBackward<T>{.shape = heads(c, layer),
                                                          .rows = rows,
                                                          .packed = call.packed_prefixes(),
                                                          .prefix = prefix,
                                                          .qkv = qkv.data,
                                                          .out = out.data,
                                                          .lse = log_sums.memory.data(),
                                                          .d_out = d_out.data,
                                                          .d_qkv = d_qkv.data,
                                                          .d_prefix = gradient,
                                                          .workspace = state_->sums.memory.data()});
  }
  /// pre += the products of LoRA and low-rank probes, then y = activation(pre); y is pre for ReLU.
  void activate(Call& call, const Config& c, const TargetModules& modules, View pre, View y) {
    tensor::cuda::activate<T>(call.stream(),
                              {.kind = activation(c),
                               .rows = rows_of(call, pre.rows),
                               .ffn = c.ffn,
                               .pre = pre.data,
                               .products = products_of(call, low_rank_projections(call, modules)),
                               .save_pre = call.saves_activations(),
                               .y = y.data});
  }
  /// dy += the gradient through LoRA of `modules`, then d_pre = the gradient of activate at pre.
  void activate_backward(Call& call, const Config& c, ConstView pre, const TargetModules& modules, View dy,
                         View d_pre) {
    const tensor::cuda::LowRankProjections list = pending_products(call, modules, dy);
    tensor::cuda::activate_backward<T>(call.stream(), {.kind = activation(c),
                                                       .rows = rows_of(call, pre.rows),
                                                       .ffn = c.ffn,
                                                       .pre = pre.data,
                                                       .dy = dy.data,
                                                       .products = input_products_of(call, list),
                                                       .d_pre = d_pre.data});
  }

 private:
  // Attention of one token per sequence to its cached positions.
  void decode_step(Call& call, const Config& c, std::size_t layer, ConstView qkv, View out) {
    const std::uint32_t rows = call.shape().tokens, split = splits(heads(c, layer), rows, call.shape().keys);
    grow(state_->steps.memory, tensor::cuda::decode_workspace(heads(c, layer), rows, split));
    tensor::cuda::decode_attention<T>(call.stream(), heads(c, layer), call.cached_rows(), split, qkv.data,
                                      call.template cache<T>(layer), out.data, state_->steps.memory.data());
  }

  using Base::grow;
  using Base::low_rank_projections;
  using Base::pending_products;
  using Base::probes;
  using Base::rows_of;
  using Base::state_;

  static tensor::cuda::Distribution distribution_of(const Gaussian&) {
    return tensor::cuda::Distribution::gaussian;
  }
  static tensor::cuda::Distribution distribution_of(const Rademacher&) {
    return tensor::cuda::Distribution::rademacher;
  }
  static tensor::cuda::Distribution distribution_of(const NoPerturbation&) {
    return tensor::cuda::Distribution::none;
  }
  static tensor::cuda::Norm kind(const Config& c) {
    return c.norm == NormKind::layer ? tensor::cuda::Norm::layer : tensor::cuda::Norm::rms;
  }
  static tensor::cuda::Activation activation(const Config& c) {
    switch (c.activation) {
      case MlpActivation::swiglu:
        return tensor::cuda::Activation::swiglu;
      case MlpActivation::geglu:
        return tensor::cuda::Activation::geglu;
      default:
        return tensor::cuda::Activation::relu;
    }
  }
  static tensor::cuda::AttentionShape heads(const Config& c, std::size_t layer) {
    return {c.heads, c.kv_heads, c.head_dim, c.window_of(layer), c.score_scale(), c.attention_cap};
  }
  // The arguments of norms of queries and keys; x: what is normalised in place.
  static tensor::cuda::SegmentNorm<T> qk_norms(const Call& call, const Config& c, tensor::PerProbe<T> q_gain,
                                               tensor::PerProbe<T> k_gain, View x) {
    const bool rows = c.qk_norm == QkNorm::rows;
    const auto queries = static_cast<std::uint32_t>(c.query_width());
    const auto keys = static_cast<std::uint32_t>(c.key_width());
    return {.rows = rows_of(call, x.rows),
            .stride = static_cast<std::uint32_t>(x.stride),
            .segments = {rows ? 1 : c.heads, rows ? queries : c.head_dim, rows ? 1 : c.kv_heads,
                         rows ? keys : c.head_dim},
            .query_gain = q_gain,
            .key_gain = k_gain,
            .offset = c.gain_offset,
            .eps = c.norm_eps,
            .x = x.data};
  }
  // Products of t for outputs, and of dt for the gradients of inputs.
  [[nodiscard]] tensor::cuda::LowRankProducts products_of(
      const Call& call, const tensor::cuda::LowRankProjections& modules) const {
    return {modules, call.packed().adapter, state_->t.memory.data()};
  }
  [[nodiscard]] tensor::cuda::LowRankProducts input_products_of(
      const Call& call, const tensor::cuda::LowRankProjections& modules) const {
    return {modules, call.packed().adapter, state_->dt.memory.data()};
  }
  void turn(Call& call, const Config& c, std::size_t layer, const tensor::cuda::LowRankProjections& modules,
            float direction, View qkv) {
    tensor::cuda::Rotation rotation;
    if (const LayerRope rope = c.rope_of(layer); rope != LayerRope::none)
      rotation = {(c.heads + c.kv_heads) * c.head_dim,
                  c.head_dim,
                  c.rotated(),
                  call.cosines(rope),
                  call.sines(rope),
                  direction};
    tensor::cuda::finish_qkv<T>(call.stream(), {.rows = rows_of(call, qkv.rows),
                                                .position = call.rotary_rows(),
                                                .rotation = rotation,
                                                .products = products_of(call, modules),
                                                .stride = static_cast<std::uint32_t>(qkv.stride),
                                                .qkv = qkv.data});
  }

  [[nodiscard]] tensor::cuda::AttentionPrefix<T> prefix_of(const Call& call, std::size_t layer) const {
    if (call.shape().prefixes == 0) return {};
    const peft::Prefix& layout = call.layouts().prefix();
    const T* const prefixes = state_->prefixes.memory.data();
    return {prefixes + layout.keys(layer), prefixes + layout.values(layer), layout.size(), layout.tokens()};
  }
};

}  // namespace zofo::model
