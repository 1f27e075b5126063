/// @file The transformer's operations on the CPU in fp32, the reference for other backends.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "zofo/model/cpu_call.hpp"
#include "zofo/model/cpu_head.hpp"
#include "zofo/model/cpu_low_rank.hpp"
#include "zofo/model/cpu_probed.hpp"
#include "zofo/model/cpu_virtual_tokens.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model/target_modules.hpp"
#include "zofo/perturb/perturbation.hpp"
#include "zofo/tensor/cpu/attention.hpp"
#include "zofo/tensor/cpu/cached_attention.hpp"
#include "zofo/tensor/cpu/elementwise.hpp"
#include "zofo/tensor/cpu/geglu.hpp"
#include "zofo/tensor/cpu/gemm.hpp"
#include "zofo/tensor/cpu/opt_ops.hpp"
#include "zofo/tensor/cpu/scaled.hpp"
#include "zofo/tensor/cpu/segment_norm.hpp"
#include "zofo/tensor/cpu/thin_product.hpp"

namespace zofo::model {

/// fp32 on the CPU: a BLAS for products, OpenMP and vectorised loops for the rest. Rows of a view are the
/// tokens of probe 0, then those of probe 1, and so on.
struct CpuBackend : CpuLowRank, CpuVirtualTokens, CpuHead {
  ///@{
  /// Types of weights, adapters, workspaces and views.
  using Scalar = float;
  using Theta = Parameters;
  using Vector = Eigen::VectorXf;
  using Buffer = std::vector<float>;
  using FloatBuffer = std::vector<float>;
  using Call = CpuCall;
  using View = tensor::MatrixView<float>;
  using ConstView = tensor::MatrixView<const float>;
  ///@}

  /// Tokens per batch from which more tokens do not make matrix products faster.
  static constexpr std::size_t max_batch_tokens = 512;
  /// Sequences that are decoded together.
  static constexpr std::size_t max_batch_sequences = 16;

  /// Every shape that Config allows is supported.
  void check(const Config& /*config*/) const {}

  ///@{
  /// A dense view of the buffer's first rows·cols entries; enlarges a shorter buffer.
  static View view(Buffer& buffer, std::size_t rows, std::size_t cols) {
    return grown_view(buffer, rows, cols);
  }
  static View float_view(FloatBuffer& buffer, std::size_t rows, std::size_t cols) {
    return view(buffer, rows, cols);
  }
  ///@}
  /// x = 0; x is dense.
  static void fill_zero(View x) { std::fill_n(x.data, x.rows * x.cols, 0.0F); }
  /// to = from; both are dense.
  static void copy(ConstView from, View to) { std::copy_n(from.data, from.rows * from.cols, to.data); }

  /// Runs the operations of one pass. A backend that records passes identifies them by `name` and θ.
  template <class Name, class Pass>
  static void run(Call& /*call*/, const Name& /*name*/, const Theta& /*theta*/, Pass&& pass) {
    pass();
  }
  /// Splits probes into groups, each of which one pass evaluates.
  template <class Distribution>
  static std::vector<ProbeGroup> groups(const Distribution& /*distribution*/, std::span<const Probe> probes) {
    return group_probes(probes);
  }
  /// The weights at the probes of a group.
  template <class Distribution>
  auto at_probes(const Theta& theta, const Distribution& distribution, std::span<const Probe> group) {
    const Direction direction = group.empty() ? Direction{} : group[0].direction;
    return CpuProbed(theta, zofo::bind(distribution, theta, direction), group, scratch_);
  }
  /// Rows of the head's matrix per slice. 2,048 rows of a 576-wide head take 4.5 MiB: they stay in the
  /// last-level cache between generation and product.
  static std::size_t head_slice(const Config& /*config*/) { return 2048; }

  /// Prepares a pass.
  static void begin_pass(Call& /*call*/) {}

  /// h += the pending low-rank products of modules before it, then x = norm(h).
  void norm(Call& call, const Config& c, const TargetModules& pending, const NormWeights<float>& w, View h,
            View x) {
    low_rank_out(call, pending, h);
    call.for_probes(h.rows, [&](std::size_t j, std::size_t first, std::size_t n) {
      if (c.norm == NormKind::layer)
        tensor::cpu::layer_norm(h.rows_from(first, n), w.gain.at(j), w.bias.at(j), c.norm_eps,
                                x.rows_from(first, n));
      else
        tensor::cpu::rms_norm(h.rows_from(first, n), w.gain.at(j), c.norm_eps, x.rows_from(first, n),
                              c.gain_offset);
    });
  }
  /// dx += the gradient through LoRA of `modules`, then dh += the gradient of norm at h; one probe.
  void norm_backward(Call& call, const Config& c, const NormWeights<float>& w, View h,
                     const TargetModules& modules, View dx, View dh) {
    low_rank_back_in(call, modules, dx);
    if (c.norm == NormKind::layer)
      tensor::cpu::layer_norm_backward(h, w.gain.data, c.norm_eps, dx, dh);
    else
      tensor::cpu::rms_norm_backward(h, w.gain.data, c.norm_eps, dx, dh, c.gain_offset);
  }

  /// y = x Wᵀ + b at each probe.
  void linear(Call& call, ConstView x, const LinearWeights<float>& w, View y) const {
    product(call, x, w, 0.0F, y);
  }
  /// y = max(x Wᵀ + b, 0).
  void linear_relu(Call& call, ConstView x, const LinearWeights<float>& w, View y) const {
    product(call, x, w, 0.0F, y);
    tensor::cpu::relu(y, y);
  }
  /// to = from + x Wᵀ + b; `to` may be `from`. The last view is scratch memory.
  void linear_residual(Call& call, ConstView x, const LinearWeights<float>& w, ConstView from, View to,
                       View /*spare*/) const {
    if (from.data != to.data) std::copy_n(from.data, from.rows * from.cols, to.data);
    product(call, x, w, 1.0F, to);
  }
  /// y = x Wᵀ at each probe; the matrix, tensor number `tensor`, is no projection of a block.
  void project(Call& call, ConstView x, const LinearWeights<float>& w, std::size_t /*tensor*/, View y) const {
    product(call, x, w, 0.0F, y);
  }
  /// dx += dy W; one probe.
  void linear_backward_add(Call& /*call*/, ConstView dy, const LinearWeights<float>& w, View dx) const {
    tensor::cpu::gemm_nn(1.0F, dy, {w.matrix.data, w.out, w.in, w.in}, 1.0F, dx);
  }
  /// dx = dy W; one probe.
  void linear_backward(Call& /*call*/, ConstView dy, const LinearWeights<float>& w, View dx) const {
    tensor::cpu::gemm_nn(1.0F, dy, {w.matrix.data, w.out, w.in, w.in}, 0.0F, dx);
  }

  /// A view's entries, row by row.
  static std::vector<float> read(ConstView x) {
    std::vector<float> values;
    for (std::size_t i = 0; i < x.rows; ++i) values.insert(values.end(), x.row(i), x.row(i) + x.cols);
    return values;
  }

  /// to = from + factor·x.
  void add_scaled(Call& /*call*/, ConstView from, ConstView x, float factor, View to) const {
    tensor::cpu::add_scaled(from, x, factor, to);
  }
  /// to = factor·x; `to` may be x.
  void scaled(Call& /*call*/, ConstView x, float factor, View to) const {
    tensor::cpu::scaled(x, factor, to);
  }
  /// Norms of queries and keys at each probe, in place.
  void qk_norm(Call& call, const Config& c, tensor::PerProbe<float> q_gain, tensor::PerProbe<float> k_gain,
               View qkv) const {
    call.for_probes(qkv.rows, [&](std::size_t j, std::size_t first, std::size_t n) {
      const View rows = qkv.rows_from(first, n);
      tensor::cpu::segment_norm(rows, query_segments(c), q_gain.at(j), c.gain_offset, c.norm_eps);
      tensor::cpu::segment_norm(rows, key_segments(c), k_gain.at(j), c.gain_offset, c.norm_eps);
    });
  }
  /// The gradient of qk_norm at `raw`, in place of the output gradient d_qkv; one probe.
  void qk_norm_backward(Call& /*call*/, const Config& c, tensor::PerProbe<float> q_gain,
                        tensor::PerProbe<float> k_gain, ConstView raw, View d_qkv) const {
    tensor::cpu::segment_norm_backward(raw, query_segments(c), q_gain.data, c.gain_offset, c.norm_eps, d_qkv);
    tensor::cpu::segment_norm_backward(raw, key_segments(c), k_gain.data, c.gain_offset, c.norm_eps, d_qkv);
  }
  /// qkv += the products of LoRA, then queries and keys are rotated by their positions.
  void finish_qkv(Call& call, const Config& c, std::size_t layer, const TargetModules& modules, View qkv) {
    low_rank_out(call, modules, qkv);
    rotate(call, c, layer, qkv, 1.0F);
  }
  /// Gradient of the rotation.
  void rotate_back(Call& call, const Config& c, std::size_t layer, View d_qkv) const {
    rotate(call, c, layer, d_qkv, -1.0F);
  }
  /// out = attention; stores keys and values in the call's cache, if there is one.
  void attention(Call& call, const Config& c, std::size_t layer, ConstView qkv, View out,
                 FloatBuffer& /*log_sums*/) {
    if (call.cached().exists()) store_cache(call, c, layer, qkv);
    if (call.cached().decodes()) return decode_step(call, c, layer, qkv, out);
    const tensor::cpu::AttentionPrefix prefix = prefix_of(call, layer);
    call.for_probes(qkv.rows, [&](std::size_t, std::size_t first, std::size_t n) {
      tensor::cpu::prefixed_attention(qkv.rows_from(first, n), head_shape(c, layer),
                                      call.packing().cu_seqlens(), prefix, out.rows_from(first, n));
    });
  }
  /// d_qkv = the gradient of attention for d_out; gradients of prefixes are added to the call's.
  void attention_backward(Call& call, const Config& c, std::size_t layer, ConstView qkv, ConstView /*out*/,
                          const FloatBuffer& /*log_sums*/, ConstView d_out, View d_qkv) const {
    tensor::cpu::prefixed_attention_backward(qkv, d_out, head_shape(c, layer), call.packing().cu_seqlens(),
                                             prefix_of(call, layer), d_qkv, prefix_gradient_of(call, layer));
  }
  /// pre += the products of LoRA, then y = activation(pre); y is pre for ReLU.
  void activate(Call& call, const Config& c, const TargetModules& modules, View pre, View y) {
    low_rank_out(call, modules, pre);
    if (c.activation == MlpActivation::swiglu)
      tensor::cpu::swiglu(pre, y);
    else if (c.activation == MlpActivation::geglu)
      tensor::cpu::geglu(pre, y);
    else
      tensor::cpu::relu(pre, y);
  }
  /// dy += the gradient through LoRA of `modules`, then d_pre = the gradient of activate at pre.
  void activate_backward(Call& call, const Config& c, ConstView pre, const TargetModules& modules, View dy,
                         View d_pre) {
    low_rank_back_in(call, modules, dy);
    if (c.activation == MlpActivation::swiglu)
      tensor::cpu::swiglu_backward(pre, dy, d_pre);
    else if (c.activation == MlpActivation::geglu)
      tensor::cpu::geglu_backward(pre, dy, d_pre);
    else
      tensor::cpu::relu_backward(pre, dy, d_pre);
  }

  // ---- the head ----
  /// y = logits of the tokens from `first` on.
  void logits(Call& call, ConstView x, const LinearWeights<float>& w, std::size_t /*first*/, View y) const {
    linear(call, x, w, y);
  }
  /// Logits are scaled and capped, in place.
  void adjust_logits(Call& /*call*/, const Config& c, View logits) const {
    tensor::cpu::soft_cap(logits, c.logit_scale, c.logit_cap);
  }
  /// The gradient of adjust_logits, in place of the output gradient; `logits`: what it wrote.
  void adjust_logits_backward(Call& /*call*/, const Config& c, ConstView logits, View d_logits) const {
    tensor::cpu::soft_cap_backward(logits, c.logit_scale, c.logit_cap, d_logits);
  }

 private:
  // Up to this number of rows, reading a weight takes longer than multiplying by it; above it a BLAS is
  // faster.
  static constexpr std::size_t thin_rows = 8;

  // Stores the layer's keys and values in the cache.
  void store_cache(const Call& call, const Config& c, std::size_t layer, ConstView qkv) const {
    const CachedCall<float>& cached = call.cached();
    const Packing& packing = call.packing();
    const auto cu = packing.cu_seqlens();
    const tensor::cpu::AttentionPrefix prefix = prefix_of(call, layer);
#pragma omp parallel for schedule(dynamic) if (!cached.decodes())
    for (std::size_t i = 0; i < cached.slots.size(); ++i) {
      const auto to = cached.cache.layer(layer);
      if (prefix.length > 0 && prefix.adapter[i] >= 0)
        tensor::cpu::cache_prefix(prefix, static_cast<std::size_t>(prefix.adapter[i]), to, cached.slots[i]);
      tensor::cpu::cache_rows(qkv.rows_from(cu[i], cu[i + 1] - cu[i]), head_shape(c, layer), to,
                              cached.slots[i], packing.positions()[cu[i]]);
    }
  }
  // Attention of one token per sequence to its cached positions.
  void decode_step(const Call& call, const Config& c, std::size_t layer, ConstView qkv, View out) {
    const CachedCall<float>& cached = call.cached();
    const View scores = view(scores_, qkv.rows * c.heads, cached.cache.positions);
    tensor::cpu::cached_attention(qkv, head_shape(c, layer), cached.cache.layer(layer), cached.slots,
                                  call.packing().positions(), scores.data, out);
  }

  static tensor::cpu::HeadShape head_shape(const Config& c, std::size_t layer) {
    return {c.heads, c.kv_heads, c.head_dim, c.window_of(layer), c.score_scale(), c.attention_cap};
  }
  static tensor::cpu::NormSegments query_segments(const Config& c) {
    if (c.qk_norm == QkNorm::rows) return {0, 1, c.query_width()};
    return {0, c.heads, c.head_dim};
  }
  static tensor::cpu::NormSegments key_segments(const Config& c) {
    if (c.qk_norm == QkNorm::rows) return {c.query_width(), 1, c.key_width()};
    return {c.query_width(), c.kv_heads, c.head_dim};
  }
  void product(const Call& call, ConstView x, const LinearWeights<float>& w, float beta, View y) const {
    call.for_probes(x.rows, [&](std::size_t j, std::size_t first, std::size_t n) {
      const View part = y.rows_from(first, n);
      const ConstView matrix{w.matrix.at(j), w.out, w.in, w.in};
      if (call.cached().decodes() && n <= thin_rows)
        tensor::cpu::thin_product(x, matrix, beta, part);
      else
        tensor::cpu::gemm_nt(1.0F, x.rows_from(first, n), matrix, beta, part);
      if (w.bias.exists()) tensor::cpu::add_rows(w.bias.at(j), part);
    });
  }
  void rotate(Call& call, const Config& c, std::size_t layer, View qkv, float direction) const {
    const LayerRope rope = c.rope_of(layer);
    if (rope == LayerRope::none) return;
    const RotaryTables& tables = call.packing().rotary();
    const std::size_t offset = tables.offset(c, rope);
    const tensor::cpu::RotaryHeads heads{std::size_t{c.heads} + c.kv_heads, c.head_dim, c.rotated()};
    call.for_probes(qkv.rows, [&](std::size_t, std::size_t first, std::size_t n) {
      tensor::cpu::rotary(qkv.rows_from(first, n), heads, call.packing().rotary_rows(),
                          tables.cosines().subspan(offset), tables.sines().subspan(offset), direction);
    });
  }

  Buffer scratch_, scores_;
};

}  // namespace zofo::model
