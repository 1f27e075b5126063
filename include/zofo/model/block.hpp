/// @file One block of a transformer, LLaMA-type or OPT-type: its forward pass in three stages, its backward
/// pass to activations and adapters. Written once; a backend says how each operation is done.
#pragma once

#include <cstddef>

#include "zofo/model/layer_weights.hpp"
#include "zofo/model/sites.hpp"

namespace zofo::model {

/// The operations of a block over workspaces that it keeps. Hidden states are [rows, width], rows being the
/// batch's tokens once a probe: `h` enters the block, `middle` lies between its halves, `out` leaves it; they
/// may be one buffer, and must be three where a backward pass follows. The products that adapters add to o
/// and down are left to the norm that reads the hidden states next.
template <class Backend>
class Block {
 public:
  using Scalar = typename Backend::Scalar;
  using Buffer = typename Backend::Buffer;
  using View = tensor::MatrixView<Scalar>;
  using Call = typename Backend::Call;
  using Weights = LayerWeights<Scalar>;

  /// What the backward pass reads besides the hidden states.
  struct Kept {
    Buffer qkv, attended, ffn_in;
    typename Backend::FloatBuffer log_sums;
  };

  explicit Block(const Config& config) : config_(config) {}

  /// middle = h + attention(norm(h)); reads the weights of Stage::attention. `left` is what the block before
  /// has left to add to h.
  void attention(Backend& b, Call& call, std::size_t layer, const Weights& w, Sites left, View h, View middle,
                 Kept& keep) {
    const View x = b.view(normed_, h.rows, config_.width);
    b.norm(call, config_, left, w.attn_norm, h, x);
    // Where nothing is kept, what is dead lends its memory: ffn_in's to qkv, x's to attended.
    const View qkv = b.view(call.keeps() ? keep.qkv : keep.ffn_in, h.rows, config_.qkv_width());
    b.linear(call, x, w.qkv, qkv);
    const Sites sites = Sites::qkv(layer);
    b.low_rank_in(call, sites, x);
    b.finish_qkv(call, config_, sites, qkv);
    const View attended = b.view(call.keeps() ? keep.attended : normed_, h.rows, config_.query_width());
    b.attention(call, config_, qkv, attended, keep.log_sums);
    b.linear_residual(call, attended, w.o, h, middle, qkv);
    b.low_rank_in(call, Sites::attention_out(layer), attended);
  }

  /// keep.ffn_in = the projection of norm(middle) into the second half; reads the weights of Stage::ffn_in.
  void ffn_in(Backend& b, Call& call, std::size_t layer, const Weights& w, View middle, Kept& keep) {
    const View x = b.view(normed_, middle.rows, config_.width);
    b.norm(call, config_, Sites::attention_out(layer), w.ffn_norm, middle, x);
    const View pre = b.view(keep.ffn_in, middle.rows, config_.ffn_in());
    const Sites sites = Sites::ffn_in(config_, layer);
    if (!config_.gated() && !b.adapts(call, sites)) return b.linear_relu(call, x, w.ffn_in, pre);
    b.linear(call, x, w.ffn_in, pre);
    b.low_rank_in(call, sites, x);
    b.activate(call, config_, sites, pre, activated(b, pre));
  }

  /// out = middle + down(activation); reads the weights of Stage::ffn_out.
  void ffn_out(Backend& b, Call& call, std::size_t layer, const Weights& w, View middle, View out,
               Kept& keep) {
    const View act = activated(b, b.view(keep.ffn_in, middle.rows, config_.ffn_in()));
    b.linear_residual(call, act, w.down, middle, out, b.view(normed_, middle.rows, config_.width));
    b.low_rank_in(call, Sites::down(layer), act);
  }

  /// dh: gradient of `out` on entry, of `h` on exit (left as it is below the first block, where nothing is
  /// trained). Adapters' gradients go to the call.
  void backward(Backend& b, Call& call, std::size_t layer, const Weights& w, View h, View middle, View dh,
                Kept& keep) {
    ffn_backward(b, call, layer, w, middle, dh, keep);
    attention_backward(b, call, layer, w, h, dh, keep);
  }

 private:
  // ReLU needs its result alone, so it is done in place.
  View activated(Backend& b, View pre) { return config_.gated() ? b.view(act_, pre.rows, config_.ffn) : pre; }

  void ffn_backward(Backend& b, Call& call, std::size_t layer, const Weights& w, View middle, View dh,
                    Kept& keep) {
    const View pre = b.view(keep.ffn_in, dh.rows, config_.ffn_in());
    const View d_act = b.view(d_act_, dh.rows, config_.ffn);
    b.linear_backward(call, dh, w.down, d_act);
    const Sites down = Sites::down(layer);
    if (b.adapts(call, down)) {
      const View act = activated(b, pre);
      if (config_.gated()) b.activate(call, config_, Sites::none(), pre, act);
      b.low_rank_gradient(call, down, act, dh);
    }
    const View d_pre = b.view(d_ffn_in_, dh.rows, config_.ffn_in());
    b.activate_backward(call, config_, pre, down, d_act, d_pre);
    const View dx = b.view(d_normed_, dh.rows, config_.width);
    b.linear_backward(call, d_pre, w.ffn_in, dx);
    const Sites in = Sites::ffn_in(config_, layer);
    if (b.adapts(call, in)) {
      const View x = b.view(normed_, dh.rows, config_.width);
      b.norm(call, config_, Sites::none(), w.ffn_norm, middle, x);
      b.low_rank_gradient(call, in, x, d_pre);
    }
    b.norm_backward(call, config_, w.ffn_norm, middle, in, dx, dh);
  }

  void attention_backward(Backend& b, Call& call, std::size_t layer, const Weights& w, View h, View dh,
                          Kept& keep) {
    const View qkv = b.view(keep.qkv, dh.rows, config_.qkv_width());
    const View attended = b.view(keep.attended, dh.rows, config_.query_width());
    const View d_attended = b.view(d_attended_, dh.rows, config_.query_width());
    b.linear_backward(call, dh, w.o, d_attended);
    const Sites o = Sites::attention_out(layer);
    if (b.adapts(call, o)) {
      b.low_rank_gradient(call, o, attended, dh);
      b.low_rank_back_in(call, o, d_attended);
    }
    const View d_qkv = b.view(d_qkv_, dh.rows, config_.qkv_width());
    b.attention_backward(call, config_, qkv, attended, keep.log_sums, d_attended, d_qkv);
    b.rotate_back(call, config_, d_qkv);
    const Sites sites = Sites::qkv(layer);
    const bool adapted = b.adapts(call, sites);
    if (adapted) {
      const View x = b.view(normed_, dh.rows, config_.width);
      b.norm(call, config_, Sites::none(), w.attn_norm, h, x);
      b.low_rank_gradient(call, sites, x, d_qkv);
    }
    if (layer == 0) return;
    const View dx = b.view(d_normed_, dh.rows, config_.width);
    b.linear_backward(call, d_qkv, w.qkv, dx);
    b.norm_backward(call, config_, w.attn_norm, h, sites, dx, dh);
  }

  Config config_;
  Buffer normed_, act_;
  Buffer d_act_, d_ffn_in_, d_normed_, d_attended_, d_qkv_;
};

}  // namespace zofo::model
