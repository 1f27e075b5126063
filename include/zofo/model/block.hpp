/// @file One block of a transformer: its forward pass in three stages, and its backward pass to activations
/// and adapters. Written once for all parts that Config describes; a backend implements the operations.
#pragma once

#include <cstddef>

#include "zofo/model/layer_weights.hpp"
#include "zofo/model/target_modules.hpp"
#include "zofo/peft/kind.hpp"

namespace zofo::model {

/// The operations of a block, with their workspaces. Hidden states are [rows, width]; the rows are the
/// batch's tokens once per probe. `h` is the input of the block, `residual` the residual stream between its
/// sublayers (attention, MLP), `out` its output; they may be one buffer, but must be three if a backward pass
/// follows. If sublayers are added plainly (Config::adds_plainly), the low-rank products that adapters add to
/// o and down stay pending until the next norm reads the hidden states. Else a sublayer's output, or its sum
/// with the hidden states, has a buffer of its own, and the products are added there.
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
    /// Queries, keys and values before and after their norms and rotation; the result of attention; the
    /// output of the MLP's first projection.
    Buffer raw_qkv, qkv, attended, ffn_in;
    ///@}
    ///@{
    /// What the norms of outputs or sums read.
    Buffer attention_sum, ffn_sum;
    ///@}
    typename Backend::FloatBuffer log_sums;  ///< log Σ exp of each row's scores, per head
  };

  /// A block of a model of this shape.
  explicit Block(const Config& config) : config_(config) {}

  /// residual = h + attention(h), with the norms and the scale of the config; reads the weights of
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
    if (config_.qk_norm == QkNorm::none) {
      b.finish_qkv(call, config_, layer, modules, qkv);
    } else {
      b.low_rank_out(call, modules, qkv);
      if (call.saves_activations()) b.copy(qkv, b.view(saved.raw_qkv, h.rows, config_.qkv_width()));
      b.qk_norm(call, config_, w.q_norm, w.k_norm, qkv);
      b.finish_qkv(call, config_, layer, TargetModules::none(), qkv);
    }
    const View attended =
        b.view(call.saves_activations() ? saved.attended : normed_, h.rows, config_.query_width());
    b.attention(call, config_, layer, qkv, attended, saved.log_sums);
    const Sublayer s{TargetModules::attention_out(layer), &w.o, norm_of(w.attn_norm, w.attn_out_norm),
                     &saved.attention_sum};
    add(b, call, s, attended, qkv, h, residual);
  }

  /// saved.ffn_in = the MLP's first projection of norm(residual), or of residual without a norm of inputs,
  /// activated in place for ReLU; reads the weights of Stage::ffn_in.
  void ffn_in(Backend& b, Call& call, std::size_t layer, const Weights& w, View residual, Saved& saved) {
    const TargetModules pending =
        config_.adds_plainly() ? TargetModules::attention_out(layer) : TargetModules::none();
    const View x = input(b, call, pending, w.ffn_norm, residual);
    const View pre = b.view(saved.ffn_in, residual.rows, config_.ffn_in());
    const TargetModules modules = TargetModules::ffn_in(config_, layer);
    if (!config_.gated() && !b.adapts(call, modules)) return b.linear_relu(call, x, w.ffn_in, pre);
    b.linear(call, x, w.ffn_in, pre);
    b.low_rank_in(call, modules, x);
    b.activate(call, config_, modules, pre, activated(b, pre));
  }

  /// out = residual + down(activation), with the norms and the scale of the config; reads the weights of
  /// Stage::ffn_out.
  void ffn_out(Backend& b, Call& call, std::size_t layer, const Weights& w, View residual, View out,
               Saved& saved) {
    const View act = activated(b, b.view(saved.ffn_in, residual.rows, config_.ffn_in()));
    const View spare = b.view(normed_, residual.rows, config_.width);
    add(b, call, ffn(call, layer, w, saved), act, spare, residual, out);
  }

  /// Recomputes what the backward pass reads of ffn_out: what the norm of the MLP's output or sum reads.
  void ffn_out_again(Backend& b, Call& call, std::size_t layer, const Weights& w, View residual,
                     Saved& saved) {
    if (!config_.norms_outputs() && !config_.norms_sums()) return;
    const View act = activated(b, b.view(saved.ffn_in, residual.rows, config_.ffn_in()));
    const View spare = b.view(normed_, residual.rows, config_.width);
    const Sublayer s = ffn(call, layer, w, saved);
    b.low_rank_out(call, s.modules, summed(b, call, s, act, spare, residual));
  }

  /// dh: gradient of `out` on entry, of `h` on exit (not completed for the first block unless a prompt is
  /// trained). Gradients of adapters are added to the call's.
  void backward(Backend& b, Call& call, std::size_t layer, const Weights& w, View h, View residual, View dh,
                Saved& saved) {
    const View d_ffn = output_backward(b, call, ffn(call, layer, w, saved), dh);
    ffn_backward(b, call, layer, w, residual, d_ffn, dh, saved);
    const Sublayer s{TargetModules::attention_out(layer), &w.o, norm_of(w.attn_norm, w.attn_out_norm),
                     &saved.attention_sum};
    attention_backward(b, call, layer, w, h, output_backward(b, call, s, dh), dh, saved);
  }

 private:
  // The last projection of a sublayer, the norm of its output or sum, and that norm's input.
  struct Sublayer {
    TargetModules modules;
    const LinearWeights<Scalar>* linear;
    NormWeights<Scalar> norm;
    Buffer* sum;
  };
  Sublayer ffn(const Call& call, std::size_t layer, const Weights& w, Saved& saved) const {
    return {TargetModules::down(layer), &w.down, norm_of(w.ffn_norm, w.ffn_out_norm),
            call.saves_activations() ? &saved.ffn_sum : &saved.attention_sum};
  }
  NormWeights<Scalar> norm_of(const NormWeights<Scalar>& of_sum, const NormWeights<Scalar>& of_output) const {
    return config_.norms_sums() ? of_sum : of_output;
  }

  // A sublayer's input: the norm of the hidden states, or the states themselves without a norm of inputs.
  View input(Backend& b, Call& call, TargetModules pending, const NormWeights<Scalar>& w, View h) {
    if (!config_.norms_inputs()) return h;
    const View x = b.view(normed_, h.rows, config_.width);
    b.norm(call, config_, pending, w, h, x);
    return x;
  }

  // The sublayer's output, or its sum with `from` if that is normed; its low-rank products are pending.
  View summed(Backend& b, Call& call, const Sublayer& s, View x, View spare, View from) {
    const View sum = b.view(*s.sum, from.rows, config_.width);
    if (config_.norms_sums())
      b.linear_residual(call, x, *s.linear, from, sum, spare);
    else
      b.linear(call, x, *s.linear, sum);
    b.low_rank_in(call, s.modules, x);
    return sum;
  }
  // to = from + the sublayer, whose last projection reads x. `spare` is scratch memory, which may be x.
  void add(Backend& b, Call& call, const Sublayer& s, View x, View spare, View from, View to) {
    if (config_.adds_plainly()) {
      b.linear_residual(call, x, *s.linear, from, to, spare);
      return b.low_rank_in(call, s.modules, x);
    }
    View sum = summed(b, call, s, x, spare, from);
    if (config_.norms_sums()) return b.norm(call, config_, s.modules, s.norm, sum, to);
    if (config_.norms_outputs()) {
      const View normed = b.view(normed_, from.rows, config_.width);
      b.norm(call, config_, s.modules, s.norm, sum, normed);
      sum = normed;
    } else {
      b.low_rank_out(call, s.modules, sum);
    }
    b.add_scaled(call, from, sum, config_.residual_scale, to);
  }

  // The gradient of the sublayer's last projection. dh: the gradient of its result on entry, that of the
  // hidden states that it is added to on exit.
  View output_backward(Backend& b, Call& call, const Sublayer& s, View dh) {
    if (config_.adds_plainly()) return dh;
    const View sum = b.view(*s.sum, dh.rows, config_.width);
    if (config_.norms_sums()) {
      const View dx = b.view(d_normed_, dh.rows, config_.width);
      b.copy(dh, dx);
      b.fill_zero(dh);
      b.norm_backward(call, config_, s.norm, sum, TargetModules::none(), dx, dh);
      return dh;
    }
    const View d_output = b.view(d_output_, dh.rows, config_.width);
    if (!config_.norms_outputs()) {
      b.scaled(call, dh, config_.residual_scale, d_output);
      return d_output;
    }
    View dx = dh;
    if (config_.residual_scale != 1.0F) {
      dx = b.view(d_normed_, dh.rows, config_.width);
      b.scaled(call, dh, config_.residual_scale, dx);
    }
    b.fill_zero(d_output);
    b.norm_backward(call, config_, s.norm, sum, TargetModules::none(), dx, d_output);
    return d_output;
  }
  // dh += the gradient in a sublayer's input h, given dy, that of the output of its first projection w.
  void input_backward(Backend& b, Call& call, const NormWeights<Scalar>& norm, const LinearWeights<Scalar>& w,
                      View h, const TargetModules& modules, View dy, View dh) {
    if (config_.norms_inputs()) {
      const View dx = b.view(d_normed_, dh.rows, config_.width);
      b.linear_backward(call, dy, w, dx);
      return b.norm_backward(call, config_, norm, h, modules, dx, dh);
    }
    b.linear_backward_add(call, dy, w, dh);
    if (b.adapts(call, modules)) b.low_rank_back_in(call, modules, dh);
  }

  // The backward pass of ReLU needs only its result, so ReLU is computed in place.
  View activated(Backend& b, View pre) { return config_.gated() ? b.view(act_, pre.rows, config_.ffn) : pre; }

  void ffn_backward(Backend& b, Call& call, std::size_t layer, const Weights& w, View residual, View d_output,
                    View dh, Saved& saved) {
    const View pre = b.view(saved.ffn_in, dh.rows, config_.ffn_in());
    const View d_act = b.view(d_act_, dh.rows, config_.ffn);
    b.linear_backward(call, d_output, w.down, d_act);
    const TargetModules down = TargetModules::down(layer);
    if (b.adapts(call, down)) {
      const View act = activated(b, pre);
      if (config_.gated()) b.activate(call, config_, TargetModules::none(), pre, act);
      b.low_rank_gradient(call, down, act, d_output);
    }
    const View d_pre = b.view(d_ffn_in_, dh.rows, config_.ffn_in());
    b.activate_backward(call, config_, pre, down, d_act, d_pre);
    const TargetModules in = TargetModules::ffn_in(config_, layer);
    if (b.adapts(call, in))
      b.low_rank_gradient(call, in, input(b, call, TargetModules::none(), w.ffn_norm, residual), d_pre);
    input_backward(b, call, w.ffn_norm, w.ffn_in, residual, in, d_pre, dh);
  }

  void attention_backward(Backend& b, Call& call, std::size_t layer, const Weights& w, View h, View d_output,
                          View dh, Saved& saved) {
    const View qkv = b.view(saved.qkv, dh.rows, config_.qkv_width());
    const View attended = b.view(saved.attended, dh.rows, config_.query_width());
    const View d_attended = b.view(d_attended_, dh.rows, config_.query_width());
    b.linear_backward(call, d_output, w.o, d_attended);
    const TargetModules o = TargetModules::attention_out(layer);
    if (b.adapts(call, o)) {
      b.low_rank_gradient(call, o, attended, d_output);
      b.low_rank_back_in(call, o, d_attended);
    }
    const View d_qkv = b.view(d_qkv_, dh.rows, config_.qkv_width());
    b.attention_backward(call, config_, layer, qkv, attended, saved.log_sums, d_attended, d_qkv);
    b.rotate_back(call, config_, layer, d_qkv);
    if (config_.qk_norm != QkNorm::none)
      b.qk_norm_backward(call, config_, w.q_norm, w.k_norm,
                         b.view(saved.raw_qkv, dh.rows, config_.qkv_width()), d_qkv);
    const TargetModules modules = TargetModules::qkv(layer);
    if (b.adapts(call, modules))
      b.low_rank_gradient(call, modules, input(b, call, TargetModules::none(), w.attn_norm, h), d_qkv);
    if (layer == 0 && !call.uses(peft::Kind::prompt)) return;
    input_backward(b, call, w.attn_norm, w.qkv, h, modules, d_qkv, dh);
  }

  Config config_;
  Buffer normed_, act_;
  Buffer d_act_, d_ffn_in_, d_normed_, d_output_, d_attended_, d_qkv_;
};

}  // namespace zofo::model
