/// @file One block of a LLaMA-type transformer: its forward pass in three stages, its backward pass to
/// activations and adapters.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>

#include "zofo/model/layer_weights.hpp"
#include "zofo/model/lora_site.hpp"
#include "zofo/model/packing.hpp"
#include "zofo/peft/lora.hpp"

namespace zofo::model {

/// What every operation of a block is told: which one it is, its weights (at θ or at a probe), the batch's
/// geometry and adapters.
struct BlockCall {
  std::size_t layer = 0;
  LayerWeights weights;
  const Packing& packing;
  AdapterList adapters;
};

/// The operations of a block over workspaces that it keeps. Hidden states h are [tokens, width].
template <class Backend>
class Block {
 public:
  using Buffer = typename Backend::Buffer;
  using View = typename Backend::View;
  using ConstView = typename Backend::ConstView;

  /// What the backward pass reads besides the block's input.
  struct Kept {
    Buffer qkv, attended, middle, gate_up;
  };

  Block(const Config& config, peft::Lora lora)
      : config_(config), lora_(std::move(lora)), shape_{config.heads, config.kv_heads, config.head_dim} {}

  [[nodiscard]] const peft::Lora& lora() const { return lora_; }

  /// All three stages.
  void forward(const BlockCall& call, View h, Kept& keep) {
    attention(call, h, keep);
    gate_up(call, h, keep);
    down(call, h, keep);
  }

  /// h += attention(rms_norm(h)); reads the weights of attention_stage.
  void attention(const BlockCall& call, View h, Kept& keep) {
    const std::size_t tokens = call.packing.tokens();
    const View x = Backend::view(normed_, tokens, config_.width);
    Backend::rms_norm(h, call.weights.attn_norm, config_.norm_eps, x);
    const View qkv = Backend::view(keep.qkv, tokens, qkv_width());
    Backend::gemm_nt(1.0F, x, qkv_weight(call), 0.0F, qkv);
    add_lora(call, Projection::q, x, q_of(qkv));
    add_lora(call, Projection::k, x, k_of(qkv));
    add_lora(call, Projection::v, x, v_of(qkv));
    rotate(call, qkv, 1.0F);
    const View attended = Backend::view(keep.attended, tokens, attended_width());
    Backend::attention(qkv, shape_, call.packing.cu_seqlens(), attended);
    Backend::gemm_nt(1.0F, attended, o_weight(call), 1.0F, h);
    add_lora(call, Projection::o, attended, h);
  }

  /// keep.gate_up = [gate | up] of rms_norm(h); reads the weights of gate_up_stage and keeps h for the
  /// backward pass.
  void gate_up(const BlockCall& call, View h, Kept& keep) {
    const std::size_t tokens = call.packing.tokens();
    std::copy_n(h.data, tokens * config_.width, Backend::view(keep.middle, tokens, config_.width).data);
    const View x = Backend::view(normed_, tokens, config_.width);
    Backend::rms_norm(h, call.weights.ffn_norm, config_.norm_eps, x);
    const View out = Backend::view(keep.gate_up, tokens, 2 * ffn());
    Backend::gemm_nt(1.0F, x, gate_up_weight(call), 0.0F, out);
    add_lora(call, Projection::gate, x, out.cols_from(0, ffn()));
    add_lora(call, Projection::up, x, out.cols_from(ffn(), ffn()));
  }

  /// h += down(swiglu(keep.gate_up)); reads the weight of down_stage.
  void down(const BlockCall& call, View h, Kept& keep) {
    const std::size_t tokens = call.packing.tokens();
    const View act = Backend::view(act_, tokens, ffn());
    Backend::swiglu(Backend::view(keep.gate_up, tokens, 2 * ffn()), act);
    Backend::gemm_nt(1.0F, act, down_weight(call), 1.0F, h);
    add_lora(call, Projection::down, act, h);
  }

  /// dh: gradient of the block's output on entry, of its input on exit (left as it is below the first block,
  /// where nothing is trained). gradients[i] gets adapter i's share, unless null. `input` is the block's
  /// input.
  void backward(const BlockCall& call, View input, View dh, GradientList gradients, Kept& keep) {
    mlp_backward(call, dh, gradients, keep);
    attention_backward(call, input, dh, gradients, keep);
  }

 private:
  using Projection = peft::Projection;

  [[nodiscard]] std::size_t ffn() const { return config_.ffn; }
  [[nodiscard]] std::size_t attended_width() const { return std::size_t{config_.heads} * config_.head_dim; }
  [[nodiscard]] std::size_t key_width() const { return std::size_t{config_.kv_heads} * config_.head_dim; }
  [[nodiscard]] std::size_t qkv_width() const { return attended_width() + 2 * key_width(); }
  View q_of(View qkv) const { return qkv.cols_from(0, attended_width()); }
  View k_of(View qkv) const { return qkv.cols_from(attended_width(), key_width()); }
  View v_of(View qkv) const { return qkv.cols_from(attended_width() + key_width(), key_width()); }

  ConstView qkv_weight(const BlockCall& c) const { return matrix(c.weights.qkv, qkv_width(), config_.width); }
  ConstView o_weight(const BlockCall& c) const {
    return matrix(c.weights.o, config_.width, attended_width());
  }
  ConstView gate_up_weight(const BlockCall& c) const {
    return matrix(c.weights.gate_up, 2 * ffn(), config_.width);
  }
  ConstView down_weight(const BlockCall& c) const { return matrix(c.weights.down, config_.width, ffn()); }
  static ConstView matrix(const float* data, std::size_t rows, std::size_t cols) {
    return {data, rows, cols, cols};
  }

  [[nodiscard]] bool uses(std::size_t layer, Projection projection) const {
    return lora_.site(layer, projection).used;
  }

  void rotate(const BlockCall& call, View qkv, float direction) const {
    Backend::rotary(qkv, std::size_t{config_.heads} + config_.kv_heads, config_.head_dim,
                    call.packing.positions(), call.packing.cosines(), call.packing.sines(), direction);
  }

  void add_lora(const BlockCall& call, Projection projection, ConstView x, View y) {
    for (const AdapterRun& run : call.packing.runs())
      if (run.adapter >= 0)
        lora_forward<Backend>(lora_, lora_.site(call.layer, projection),
                              *call.adapters[static_cast<std::size_t>(run.adapter)], run, x, y, low_rank_);
  }

  void lora_gradient(const BlockCall& call, Projection projection, ConstView x, ConstView dy, View* dx,
                     GradientList gradients) {
    for (const AdapterRun& run : call.packing.runs())
      if (run.adapter >= 0)
        lora_backward<Backend>(
            lora_, lora_.site(call.layer, projection), *call.adapters[static_cast<std::size_t>(run.adapter)],
            gradients[static_cast<std::size_t>(run.adapter)], run, x, dy, dx, low_rank_, d_low_rank_);
  }

  void mlp_backward(const BlockCall& call, View dh, GradientList gradients, Kept& keep) {
    const std::size_t tokens = call.packing.tokens();
    const View gate_up = Backend::view(keep.gate_up, tokens, 2 * ffn());
    const View middle = Backend::view(keep.middle, tokens, config_.width);
    View d_act = Backend::view(act_, tokens, ffn());
    Backend::gemm_nn(1.0F, dh, down_weight(call), 0.0F, d_act);
    if (uses(call.layer, Projection::down)) {
      const View act = Backend::view(act_again_, tokens, ffn());
      Backend::swiglu(gate_up, act);
      lora_gradient(call, Projection::down, act, dh, &d_act, gradients);
    }
    const View d_gate_up = Backend::view(d_gate_up_, tokens, 2 * ffn());
    Backend::swiglu_backward(gate_up, d_act, d_gate_up);
    View dx = Backend::view(d_normed_, tokens, config_.width);
    Backend::gemm_nn(1.0F, d_gate_up, gate_up_weight(call), 0.0F, dx);
    if (uses(call.layer, Projection::gate) || uses(call.layer, Projection::up)) {
      const View x = Backend::view(normed_, tokens, config_.width);
      Backend::rms_norm(middle, call.weights.ffn_norm, config_.norm_eps, x);
      lora_gradient(call, Projection::gate, x, d_gate_up.cols_from(0, ffn()), &dx, gradients);
      lora_gradient(call, Projection::up, x, d_gate_up.cols_from(ffn(), ffn()), &dx, gradients);
    }
    Backend::rms_norm_backward(middle, call.weights.ffn_norm, config_.norm_eps, dx, dh);
  }

  void attention_backward(const BlockCall& call, View input, View dh, GradientList gradients, Kept& keep) {
    const std::size_t tokens = call.packing.tokens();
    const View qkv = Backend::view(keep.qkv, tokens, qkv_width());
    const View attended = Backend::view(keep.attended, tokens, attended_width());
    View d_attended = Backend::view(d_attended_, tokens, attended_width());
    Backend::gemm_nn(1.0F, dh, o_weight(call), 0.0F, d_attended);
    lora_gradient(call, Projection::o, attended, dh, &d_attended, gradients);
    const View d_qkv = Backend::view(d_qkv_, tokens, qkv_width());
    Backend::attention_backward(qkv, d_attended, shape_, call.packing.cu_seqlens(), d_qkv);
    rotate(call, d_qkv, -1.0F);
    const View x = Backend::view(normed_, tokens, config_.width);
    Backend::rms_norm(input, call.weights.attn_norm, config_.norm_eps, x);
    View dx = Backend::view(d_normed_, tokens, config_.width);
    View* wanted = call.layer > 0 ? &dx : nullptr;
    if (wanted != nullptr) Backend::gemm_nn(1.0F, d_qkv, qkv_weight(call), 0.0F, dx);
    lora_gradient(call, Projection::q, x, q_of(d_qkv), wanted, gradients);
    lora_gradient(call, Projection::k, x, k_of(d_qkv), wanted, gradients);
    lora_gradient(call, Projection::v, x, v_of(d_qkv), wanted, gradients);
    if (wanted != nullptr)
      Backend::rms_norm_backward(input, call.weights.attn_norm, config_.norm_eps, dx, dh);
  }

  Config config_;
  peft::Lora lora_;
  typename Backend::HeadShape shape_;
  Buffer normed_, act_, act_again_, low_rank_, d_low_rank_;
  Buffer d_gate_up_, d_normed_, d_attended_, d_qkv_;
};

}  // namespace zofo::model
