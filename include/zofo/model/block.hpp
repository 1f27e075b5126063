/// @file One block of a transformer, LLaMA-type or OPT-type: its forward pass in three stages, and its
/// backward pass to activations and adapters. Written once; a backend implements the operations.
#pragma once

#include <cstddef>

#include "zofo/model/layer_weights.hpp"
#include "zofo/model/target_modules.hpp"
#include "zofo/peft/kind.hpp"

namespace zofo::model {

/// The operations of a block, with their workspaces. Hidden states are [rows, width]; the rows are the
/// batch's tokens once per probe. `h` is the input of the block, `residual` the residual stream between its
/// sublayers (attention, MLP), `out` its output; they may be one buffer, but must be three if a backward pass
/// follows. The low-rank products that adapters add to o and down stay pending until the next norm reads the
/// hidden states. In a post-norm block this is the norm of the same sublayer, whose input, the sum of hidden
/// states and sublayer output, has a buffer of its own.
template <class Backend>
class Block {
 public:
  ///@{
  /// The backend's types.
  using Scalar = typename Backend::Scalar;
  using Buffer = typename Backend::Buffer;
  using View = tensor::MatrixView<Scalar>;
  using Call = typename Backend::Call;
  using Weights = LayerWeights<Scalar>;
  ///@}

  /// Saved activations: what the backward pass reads besides the hidden states.
  struct Saved {
    ///@{
    /// Queries, keys and values; the result of attention; the output of the MLP's first projection.
    Buffer qkv, attended, ffn_in;
    ///@}
    ///@{
    /// Inputs of the norms of a post-norm block.
    Buffer attention_sum, ffn_sum;
    ///@}
    typename Backend::FloatBuffer log_sums;  ///< log Σ exp of each row's scores, per head
  };

  /// A block of a model of this shape.
  explicit Block(const Config& config) : config_(config) {}

  /// residual = h + attention(norm(h)), or norm(h + attention(h)) in a post-norm block; reads the weights of
  /// Stage::attention. `pending`: modules of the block before whose low-rank products are to be added to h.
  void attention(Backend& b, Call& call, std::size_t layer, const Weights& w, TargetModules pending, View h,
                 View residual, Saved& saved) {
    const View x = input(b, call, pending, w.attn_norm, h);
    // Without a backward pass, buffers whose contents are no longer needed are reused: ffn_in for qkv, x for
    // attended.
    const View qkv = b.view(call.saves_activations() ? saved.qkv : saved.ffn_in, h.rows, config_.qkv_width());
    b.linear(call, x, w.qkv, qkv);
    const TargetModules modules = TargetModules::qkv(layer);
    b.low_rank_in(call, modules, x);
    b.finish_qkv(call, config_, modules, qkv);
    const View attended =
        b.view(call.saves_activations() ? saved.attended : normed_, h.rows, config_.query_width());
    b.attention(call, config_, layer, qkv, attended, saved.log_sums);
    const View sum = config_.pre_norm ? residual : b.view(saved.attention_sum, h.rows, config_.width);
    b.linear_residual(call, attended, w.o, h, sum, qkv);
    const TargetModules out = TargetModules::attention_out(layer);
    b.low_rank_in(call, out, attended);
    if (!config_.pre_norm) b.norm(call, config_, out, w.attn_norm, sum, residual);
  }

  /// saved.ffn_in = the MLP's first projection of norm(residual), or of residual in a post-norm block,
  /// activated in place for ReLU; reads the weights of Stage::ffn_in.
  void ffn_in(Backend& b, Call& call, std::size_t layer, const Weights& w, View residual, Saved& saved) {
    const View x = input(b, call, TargetModules::attention_out(layer), w.ffn_norm, residual);
    const View pre = b.view(saved.ffn_in, residual.rows, config_.ffn_in());
    const TargetModules modules = TargetModules::ffn_in(config_, layer);
    if (!config_.gated() && !b.adapts(call, modules)) return b.linear_relu(call, x, w.ffn_in, pre);
    b.linear(call, x, w.ffn_in, pre);
    b.low_rank_in(call, modules, x);
    b.activate(call, config_, modules, pre, activated(b, pre));
  }

  /// out = residual + down(activation), or its norm in a post-norm block; reads the weights of
  /// Stage::ffn_out.
  void ffn_out(Backend& b, Call& call, std::size_t layer, const Weights& w, View residual, View out,
               Saved& saved) {
    if (config_.pre_norm) return add_ffn(b, call, layer, w, residual, out, saved);
    const View sum = ffn_sum(b, call, residual.rows, saved);
    add_ffn(b, call, layer, w, residual, sum, saved);
    b.norm(call, config_, TargetModules::down(layer), w.ffn_norm, sum, out);
  }

  /// Recomputes what the backward pass reads of ffn_out: the sum of a post-norm block.
  void ffn_out_again(Backend& b, Call& call, std::size_t layer, const Weights& w, View residual,
                     Saved& saved) {
    if (config_.pre_norm) return;
    const View sum = ffn_sum(b, call, residual.rows, saved);
    add_ffn(b, call, layer, w, residual, sum, saved);
    b.low_rank_out(call, TargetModules::down(layer), sum);
  }

  /// dh: gradient of `out` on entry, of `h` on exit (not completed for the first block unless a prompt is
  /// trained). Gradients of adapters are added to the call's.
  void backward(Backend& b, Call& call, std::size_t layer, const Weights& w, View h, View residual, View dh,
                Saved& saved) {
    if (!config_.pre_norm) norm_backward(b, call, w.ffn_norm, ffn_sum(b, call, dh.rows, saved), dh);
    ffn_backward(b, call, layer, w, residual, dh, saved);
    if (!config_.pre_norm)
      norm_backward(b, call, w.attn_norm, b.view(saved.attention_sum, dh.rows, config_.width), dh);
    attention_backward(b, call, layer, w, h, dh, saved);
  }

 private:
  // A sublayer's input: the norm of the hidden states, or the states themselves in a post-norm block.
  View input(Backend& b, Call& call, TargetModules pending, const NormWeights<Scalar>& w, View h) {
    if (!config_.pre_norm) return h;
    const View x = b.view(normed_, h.rows, config_.width);
    b.norm(call, config_, pending, w, h, x);
    return x;
  }
  View ffn_sum(Backend& b, Call& call, std::size_t rows, Saved& saved) {
    return b.view(call.saves_activations() ? saved.ffn_sum : saved.attention_sum, rows, config_.width);
  }
  void add_ffn(Backend& b, Call& call, std::size_t layer, const Weights& w, View residual, View out,
               Saved& saved) {
    const View act = activated(b, b.view(saved.ffn_in, residual.rows, config_.ffn_in()));
    b.linear_residual(call, act, w.down, residual, out, b.view(normed_, residual.rows, config_.width));
    b.low_rank_in(call, TargetModules::down(layer), act);
  }
  // dh: gradient of norm(sum) on entry, of the sum on exit.
  void norm_backward(Backend& b, Call& call, const NormWeights<Scalar>& w, View sum, View dh) {
    const View dx = b.view(d_normed_, dh.rows, config_.width);
    b.copy(dh, dx);
    b.fill_zero(dh);
    b.norm_backward(call, config_, w, sum, TargetModules::none(), dx, dh);
  }
  // dh += the gradient in a sublayer's input h, given dy, that of the output of its first projection w.
  void input_backward(Backend& b, Call& call, const NormWeights<Scalar>& norm, const LinearWeights<Scalar>& w,
                      View h, const TargetModules& modules, View dy, View dh) {
    if (config_.pre_norm) {
      const View dx = b.view(d_normed_, dh.rows, config_.width);
      b.linear_backward(call, dy, w, dx);
      return b.norm_backward(call, config_, norm, h, modules, dx, dh);
    }
    b.linear_backward_add(call, dy, w, dh);
    if (b.adapts(call, modules)) b.low_rank_back_in(call, modules, dh);
  }

  // The backward pass of ReLU needs only its result, so ReLU is computed in place.
  View activated(Backend& b, View pre) { return config_.gated() ? b.view(act_, pre.rows, config_.ffn) : pre; }

  void ffn_backward(Backend& b, Call& call, std::size_t layer, const Weights& w, View residual, View dh,
                    Saved& saved) {
    const View pre = b.view(saved.ffn_in, dh.rows, config_.ffn_in());
    const View d_act = b.view(d_act_, dh.rows, config_.ffn);
    b.linear_backward(call, dh, w.down, d_act);
    const TargetModules down = TargetModules::down(layer);
    if (b.adapts(call, down)) {
      const View act = activated(b, pre);
      if (config_.gated()) b.activate(call, config_, TargetModules::none(), pre, act);
      b.low_rank_gradient(call, down, act, dh);
    }
    const View d_pre = b.view(d_ffn_in_, dh.rows, config_.ffn_in());
    b.activate_backward(call, config_, pre, down, d_act, d_pre);
    const TargetModules in = TargetModules::ffn_in(config_, layer);
    if (b.adapts(call, in))
      b.low_rank_gradient(call, in, input(b, call, TargetModules::none(), w.ffn_norm, residual), d_pre);
    input_backward(b, call, w.ffn_norm, w.ffn_in, residual, in, d_pre, dh);
  }

  void attention_backward(Backend& b, Call& call, std::size_t layer, const Weights& w, View h, View dh,
                          Saved& saved) {
    const View qkv = b.view(saved.qkv, dh.rows, config_.qkv_width());
    const View attended = b.view(saved.attended, dh.rows, config_.query_width());
    const View d_attended = b.view(d_attended_, dh.rows, config_.query_width());
    b.linear_backward(call, dh, w.o, d_attended);
    const TargetModules o = TargetModules::attention_out(layer);
    if (b.adapts(call, o)) {
      b.low_rank_gradient(call, o, attended, dh);
      b.low_rank_back_in(call, o, d_attended);
    }
    const View d_qkv = b.view(d_qkv_, dh.rows, config_.qkv_width());
    b.attention_backward(call, config_, layer, qkv, attended, saved.log_sums, d_attended, d_qkv);
    b.rotate_back(call, config_, d_qkv);
    const TargetModules modules = TargetModules::qkv(layer);
    if (b.adapts(call, modules))
      b.low_rank_gradient(call, modules, input(b, call, TargetModules::none(), w.attn_norm, h), d_qkv);
    if (layer == 0 && !call.uses(peft::Kind::prompt)) return;
    input_backward(b, call, w.attn_norm, w.qkv, h, modules, d_qkv, dh);
  }

  Config config_;
  Buffer normed_, act_;
  Buffer d_act_, d_ffn_in_, d_normed_, d_attended_, d_qkv_;
};

}  // namespace zofo::model
