/// @file A LLaMA-type transformer over packed sequences: log-probabilities at many probes, gradients of
/// adapters only.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/head.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/lora_site.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model/probed.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/tensor/cpu/backend.hpp"

namespace zofo::model {

using AdapterList = std::span<const Eigen::VectorXf* const>;
using GradientList = std::span<Eigen::VectorXf* const>;

/// A LLaMA-type transformer (DESIGN.md §5). It owns workspaces only: weights and adapters come with each
/// call, and no call writes to them. One object serves one thread; buffers grow to the largest batch seen and
/// stay.
template <class Backend>
class BasicTransformer {
 public:
  /// `recompute` keeps one [tokens, width] a layer for the backward pass instead of all activations, at the
  /// price of one more forward.
  BasicTransformer(const Config& config, peft::Lora lora, bool recompute = false)
      : config_(config),
        lora_(std::move(lora)),
        recompute_(recompute),
        shape_{config.heads, config.kv_heads, config.head_dim} {
    config_.check();
    require(lora_.size() == peft::Lora(config_, lora_.options()).size(),
            "transformer: the adapter layout is that of a model of another shape");
  }

  [[nodiscard]] const peft::Lora& lora() const { return lora_; }
  [[nodiscard]] const Config& config() const { return config_; }

  /// log P of each target at θ. Throws Error if the batch does not fit the model.
  std::vector<double> log_probabilities(const Parameters& theta, const Batch& batch, AdapterList adapters) {
    const Probe here;
    return log_probabilities(theta, NoPerturbation{}, std::span(&here, 1), batch, adapters).front();
  }

  /// log P of each target at each probe, [probe][target]. A layer's noise is generated once for all
  /// neighbouring probes of one direction, into a scratch of a layer's size; all sequences and adapters of
  /// the batch go through it in one packed pass.
  template <class Law>
  std::vector<std::vector<double>> log_probabilities(const Parameters& theta, const Law& law,
                                                     std::span<const Probe> probes, const Batch& batch,
                                                     AdapterList adapters) {
    begin(theta, batch, adapters);
    std::vector<std::vector<double>> result(probes.size());
    for (const ProbeGroup& g : group_probes(probes))
      group_pass(theta, law, probes.subspan(g.first, g.count), batch, adapters, &result[g.first]);
    return result;
  }

  /// The value of `loss` and its gradient in every adapter. `loss(logprobs, dlogprobs)` returns the value and
  /// writes the derivative in each target's log-probability; gradients[i] is set for adapter i (skipped where
  /// null). Weights get no gradient.
  template <class Loss>
  double value_and_gradient(const Parameters& theta, const Batch& batch, AdapterList adapters, Loss&& loss,
                            GradientList gradients) {
    begin(theta, batch, adapters);
    require(gradients.size() == adapters.size(), "transformer: {} gradients for {} adapters",
            gradients.size(), adapters.size());
    for (Eigen::VectorXf* g : gradients)
      if (g != nullptr) g->setZero(static_cast<Eigen::Index>(lora_.size()));
    kept_.resize(recompute_ ? 1 : config_.layers);
    inputs_.resize(config_.layers);

    if (hidden_.empty()) hidden_.resize(1);
    const View h = Backend::view(hidden_.front(), tokens_, config_.width);
    embed(theta, NoPerturbation{}, Probe{}, batch, h);
    for (std::size_t l = 0; l < config_.layers; ++l) {
      copy(h, Backend::view(inputs_[l], tokens_, config_.width));
      layer_forward(weights(theta, l), l, h, batch, adapters, kept(l));
    }
    const double value = head_.value_and_gradient(theta, batch, h, loss);
    for (std::size_t l = config_.layers; l-- > 0;)
      layer_backward(weights(theta, l), l, h, batch, adapters, gradients);
    return value;
  }

 private:
  using Buffer = typename Backend::Buffer;
  using View = typename Backend::View;
  using ConstView = typename Backend::ConstView;
  using Projection = peft::Projection;

  // What the backward pass of a block reads besides the block's input.
  struct Kept {
    Buffer qkv, attended, middle, gate_up;
  };

  [[nodiscard]] std::size_t qkv_width() const {
    return std::size_t{config_.heads + 2 * config_.kv_heads} * config_.head_dim;
  }
  [[nodiscard]] std::size_t attended_width() const { return std::size_t{config_.heads} * config_.head_dim; }
  Kept& kept(std::size_t layer) { return kept_[recompute_ ? 0 : layer]; }
  static LayerWeights weights(const Parameters& theta, std::size_t layer) {
    return LayerWeights::at(theta, layer, theta.data(Parameters::layer_first(layer)));
  }
  static void copy(ConstView from, View to) { std::copy_n(from.data, from.rows * from.cols, to.data); }

  void begin(const Parameters& theta, const Batch& batch, AdapterList adapters) {
    check(theta, batch, adapters);
    tokens_ = batch.tokens.size();
    positions_.clear();
    runs_.clear();
    std::uint32_t longest = 0;
    for (std::size_t i = 0; i < batch.sequences(); ++i) {
      const std::uint32_t first = batch.cu_seqlens[i];
      const std::uint32_t length = batch.cu_seqlens[i + 1] - first;
      for (std::uint32_t t = 0; t < length; ++t) positions_.push_back(t);
      longest = std::max(longest, length);
      if (!runs_.empty() && runs_.back().adapter == batch.adapter[i])
        runs_.back().count += length;
      else
        runs_.push_back({first, length, batch.adapter[i]});
    }
    grow_rotary(longest);
  }

  void check(const Parameters& theta, const Batch& batch, AdapterList adapters) const {
    const Config& c = theta.config();
    require(c.vocab == config_.vocab && c.width == config_.width && c.layers == config_.layers &&
                c.heads == config_.heads && c.kv_heads == config_.kv_heads &&
                c.head_dim == config_.head_dim && c.ffn == config_.ffn,
            "transformer: the weights are those of a model of another shape");
    require(batch.sequences() > 0, "transformer: the batch holds no sequence");
    for (std::size_t i = 0; i < batch.sequences(); ++i) {
      const std::uint32_t length = batch.cu_seqlens[i + 1] - batch.cu_seqlens[i];
      require(length >= 1 && length <= config_.context,
              "transformer: sequence {} has {} tokens: must be in [1, {}] (the model's context)", i, length,
              config_.context);
      require(batch.adapter[i] >= -1 && batch.adapter[i] < static_cast<int>(adapters.size()),
              "transformer: sequence {} asks for adapter {}: must be -1 (none) or below {}", i,
              batch.adapter[i], adapters.size());
    }
    for (const std::int32_t token : batch.tokens)
      require(token >= 0 && static_cast<std::uint32_t>(token) < config_.vocab,
              "transformer: token {}: must be in [0, {})", token, config_.vocab);
    for (const Target& t : batch.targets)
      require(
          t.sequence < batch.sequences() &&
              t.position < batch.cu_seqlens[t.sequence + 1] - batch.cu_seqlens[t.sequence] && t.token >= 0 &&
              static_cast<std::uint32_t>(t.token) < config_.vocab,
          "transformer: target (sequence {}, position {}, token {}) is outside the batch or the vocabulary",
          t.sequence, t.position, t.token);
    for (const Eigen::VectorXf* a : adapters)
      require(static_cast<std::size_t>(a->size()) == lora_.size(),
              "transformer: an adapter has {} entries: its layout needs {}", a->size(), lora_.size());
  }

  void grow_rotary(std::size_t length) {
    const std::size_t half = config_.head_dim / 2;
    for (std::size_t t = cosines_.size() / half; t < length; ++t)
      for (std::size_t j = 0; j < half; ++j) {
        const double angle =
            static_cast<double>(t) *
            std::pow(static_cast<double>(config_.rope_base), -static_cast<double>(2 * j) / config_.head_dim);
        cosines_.push_back(static_cast<float>(std::cos(angle)));
        sines_.push_back(static_cast<float>(std::sin(angle)));
      }
  }

  template <class Law>
  void group_pass(const Parameters& theta, const Law& law, std::span<const Probe> group, const Batch& batch,
                  AdapterList adapters, std::vector<double>* results) {
    kept_.resize(std::max<std::size_t>(kept_.size(), 1));
    if (hidden_.size() < group.size()) hidden_.resize(group.size());
    std::vector<View> h(group.size());
    for (std::size_t i = 0; i < group.size(); ++i) {
      h[i] = Backend::view(hidden_[i], tokens_, config_.width);
      embed(theta, law, group[i], batch, h[i]);
    }
    for (std::size_t l = 0; l < config_.layers; ++l) {
      const auto layer = probed_layer(theta, law, group, l);
      for (std::size_t i = 0; i < group.size(); ++i)
        layer_forward(LayerWeights::at(theta, l, layer[i]), l, h[i], batch, adapters, kept_[0]);
    }
    head_.log_probabilities(theta, law, group, batch, h, results);
  }

  // The block's weights at each probe of the group: θ's own where no noise is asked for, else scratch.
  template <class Law>
  std::vector<const float*> probed_layer(const Parameters& theta, const Law& law,
                                         std::span<const Probe> group, std::size_t layer) {
    const std::size_t first = Parameters::layer_first(layer);
    const float* base = theta.data(first);
    if (group[0].scale == 0.0) return {base};
    const auto& tensors = theta.tensors();
    const Parameters::Tensor& last = tensors[first + Parameters::tensors_of_a_layer - 1];
    const std::size_t size = last.offset + last.size() - tensors[first].offset;
    if (scratch_.size() < group.size()) scratch_.resize(group.size());
    std::vector<float*> out(group.size());
    for (std::size_t j = 0; j < group.size(); ++j) out[j] = Backend::view(scratch_[j], 1, size).data;
    std::vector<const float*> bases(out.begin(), out.end());
    for (std::size_t i = 0; i < Parameters::tensors_of_a_layer; ++i) {
      const auto n = static_cast<std::size_t>(tensors[first + i].size());
      write_probed(law, group, static_cast<std::uint32_t>(first + i), 0, theta.data(first + i), n, out);
      for (float*& o : out) o += n;
    }
    return bases;
  }

  template <class Law>
  void embed(const Parameters& theta, const Law& law, const Probe& probe, const Batch& batch, View h) const {
    const float* table = theta.data(Parameters::embedding());
    const std::size_t width = config_.width;
    const auto stream = static_cast<std::uint32_t>(Parameters::embedding());
#pragma omp parallel for schedule(static)
    for (std::size_t t = 0; t < tokens_; ++t) {
      const std::size_t offset = static_cast<std::size_t>(batch.tokens[t]) * width;
      float* row = h.row(t);
      if (probe.scale == 0.0) {
        std::copy_n(table + offset, width, row);
      } else {
        law.fill(probe.direction, stream, offset, row, width);
        for (std::size_t j = 0; j < width; ++j)
          row[j] = table[offset + j] + static_cast<float>(probe.scale) * row[j];
      }
    }
  }

  void apply_lora(std::size_t layer, Projection projection, ConstView x, View y, AdapterList adapters) {
    for (const AdapterRun& run : runs_)
      if (run.adapter >= 0)
        lora_forward<Backend>(lora_, lora_.site(layer, projection),
                              *adapters[static_cast<std::size_t>(run.adapter)], run, x, y, low_rank_);
  }

  void lora_gradient(std::size_t layer, Projection projection, ConstView x, ConstView dy, View* dx,
                     AdapterList adapters, GradientList gradients) {
    for (const AdapterRun& run : runs_)
      if (run.adapter >= 0)
        lora_backward<Backend>(
            lora_, lora_.site(layer, projection), *adapters[static_cast<std::size_t>(run.adapter)],
            gradients[static_cast<std::size_t>(run.adapter)], run, x, dy, dx, low_rank_, d_low_rank_);
  }

  [[nodiscard]] bool uses(std::size_t layer, Projection projection) const {
    return lora_.site(layer, projection).used;
  }
  View q_of(View qkv) const { return qkv.cols_from(0, attended_width()); }
  View k_of(View qkv) const {
    return qkv.cols_from(attended_width(), std::size_t{config_.kv_heads} * config_.head_dim);
  }
  View v_of(View qkv) const {
    const std::size_t keys = std::size_t{config_.kv_heads} * config_.head_dim;
    return qkv.cols_from(attended_width() + keys, keys);
  }

  void layer_forward(const LayerWeights& w, std::size_t layer, View h, const Batch& batch,
                     AdapterList adapters, Kept& keep) {
    attention_forward(w, layer, h, batch, adapters, keep);
    copy(h, Backend::view(keep.middle, tokens_, config_.width));
    mlp_forward(w, layer, h, adapters, keep);
  }

  void attention_forward(const LayerWeights& w, std::size_t layer, View h, const Batch& batch,
                         AdapterList adapters, Kept& keep) {
    const View x = Backend::view(normed_, tokens_, config_.width);
    Backend::rms_norm(h, w.attn_norm, config_.norm_eps, x);
    const View qkv = Backend::view(keep.qkv, tokens_, qkv_width());
    Backend::gemm_nt(1.0F, x, tensor::cpu::view(w.qkv, qkv_width(), config_.width), 0.0F, qkv);
    apply_lora(layer, Projection::q, x, q_of(qkv), adapters);
    apply_lora(layer, Projection::k, x, k_of(qkv), adapters);
    apply_lora(layer, Projection::v, x, v_of(qkv), adapters);
    Backend::rotary(qkv, std::size_t{config_.heads} + config_.kv_heads, config_.head_dim, positions_,
                    cosines_, sines_, 1.0F);
    const View attended = Backend::view(keep.attended, tokens_, attended_width());
    Backend::attention(qkv, shape_, batch.cu_seqlens, attended);
    Backend::gemm_nt(1.0F, attended, tensor::cpu::view(w.o, config_.width, attended_width()), 1.0F, h);
    apply_lora(layer, Projection::o, attended, h, adapters);
  }

  void mlp_forward(const LayerWeights& w, std::size_t layer, View h, AdapterList adapters, Kept& keep) {
    const View x = Backend::view(normed_, tokens_, config_.width);
    Backend::rms_norm(h, w.ffn_norm, config_.norm_eps, x);
    const View gate_up = Backend::view(keep.gate_up, tokens_, 2 * std::size_t{config_.ffn});
    Backend::gemm_nt(1.0F, x, tensor::cpu::view(w.gate_up, 2 * std::size_t{config_.ffn}, config_.width), 0.0F,
                     gate_up);
    apply_lora(layer, Projection::gate, x, gate_up.cols_from(0, config_.ffn), adapters);
    apply_lora(layer, Projection::up, x, gate_up.cols_from(config_.ffn, config_.ffn), adapters);
    const View act = Backend::view(act_, tokens_, config_.ffn);
    Backend::swiglu(gate_up, act);
    Backend::gemm_nt(1.0F, act, tensor::cpu::view(w.down, config_.width, config_.ffn), 1.0F, h);
    apply_lora(layer, Projection::down, act, h, adapters);
  }

  // dh: gradient of the block's output on entry, of its input on exit.
  void layer_backward(const LayerWeights& w, std::size_t layer, View dh, const Batch& batch,
                      AdapterList adapters, GradientList gradients) {
    Kept& keep = kept(layer);
    if (recompute_) {
      const View again = Backend::view(again_, tokens_, config_.width);
      copy(Backend::view(inputs_[layer], tokens_, config_.width), again);
      layer_forward(w, layer, again, batch, adapters, keep);
    }
    mlp_backward(w, layer, dh, adapters, gradients, keep);
    attention_backward(w, layer, dh, batch, adapters, gradients, keep);
  }

  void mlp_backward(const LayerWeights& w, std::size_t layer, View dh, AdapterList adapters,
                    GradientList gradients, Kept& keep) {
    const View gate_up = Backend::view(keep.gate_up, tokens_, 2 * std::size_t{config_.ffn});
    const View middle = Backend::view(keep.middle, tokens_, config_.width);
    View d_act = Backend::view(act_, tokens_, config_.ffn);
    if (uses(layer, Projection::down)) {
      const View act = Backend::view(act_again_, tokens_, config_.ffn);
      Backend::swiglu(gate_up, act);
      Backend::gemm_nn(1.0F, dh, tensor::cpu::view(w.down, config_.width, config_.ffn), 0.0F, d_act);
      lora_gradient(layer, Projection::down, act, dh, &d_act, adapters, gradients);
    } else {
      Backend::gemm_nn(1.0F, dh, tensor::cpu::view(w.down, config_.width, config_.ffn), 0.0F, d_act);
    }
    const View d_gate_up = Backend::view(d_gate_up_, tokens_, 2 * std::size_t{config_.ffn});
    Backend::swiglu_backward(gate_up, d_act, d_gate_up);
    View dx = Backend::view(d_normed_, tokens_, config_.width);
    Backend::gemm_nn(1.0F, d_gate_up,
                     tensor::cpu::view(w.gate_up, 2 * std::size_t{config_.ffn}, config_.width), 0.0F, dx);
    if (uses(layer, Projection::gate) || uses(layer, Projection::up)) {
      const View x = Backend::view(normed_, tokens_, config_.width);
      Backend::rms_norm(middle, w.ffn_norm, config_.norm_eps, x);
      lora_gradient(layer, Projection::gate, x, d_gate_up.cols_from(0, config_.ffn), &dx, adapters,
                    gradients);
      lora_gradient(layer, Projection::up, x, d_gate_up.cols_from(config_.ffn, config_.ffn), &dx, adapters,
                    gradients);
    }
    Backend::rms_norm_backward(middle, w.ffn_norm, config_.norm_eps, dx, dh);
  }

  void attention_backward(const LayerWeights& w, std::size_t layer, View dh, const Batch& batch,
                          AdapterList adapters, GradientList gradients, Kept& keep) {
    const View qkv = Backend::view(keep.qkv, tokens_, qkv_width());
    const View attended = Backend::view(keep.attended, tokens_, attended_width());
    const View input = Backend::view(inputs_[layer], tokens_, config_.width);
    View d_attended = Backend::view(d_attended_, tokens_, attended_width());
    Backend::gemm_nn(1.0F, dh, tensor::cpu::view(w.o, config_.width, attended_width()), 0.0F, d_attended);
    lora_gradient(layer, Projection::o, attended, dh, &d_attended, adapters, gradients);
    const View d_qkv = Backend::view(d_qkv_, tokens_, qkv_width());
    Backend::attention_backward(qkv, d_attended, shape_, batch.cu_seqlens, d_qkv);
    Backend::rotary(d_qkv, std::size_t{config_.heads} + config_.kv_heads, config_.head_dim, positions_,
                    cosines_, sines_, -1.0F);
    const View x = Backend::view(normed_, tokens_, config_.width);
    Backend::rms_norm(input, w.attn_norm, config_.norm_eps, x);
    // Below the first block there is nothing to train: its input needs no gradient.
    View dx = Backend::view(d_normed_, tokens_, config_.width);
    View* wanted = layer > 0 ? &dx : nullptr;
    if (wanted != nullptr)
      Backend::gemm_nn(1.0F, d_qkv, tensor::cpu::view(w.qkv, qkv_width(), config_.width), 0.0F, dx);
    lora_gradient(layer, Projection::q, x, q_of(d_qkv), wanted, adapters, gradients);
    lora_gradient(layer, Projection::k, x, k_of(d_qkv), wanted, adapters, gradients);
    lora_gradient(layer, Projection::v, x, v_of(d_qkv), wanted, adapters, gradients);
    if (wanted != nullptr) Backend::rms_norm_backward(input, w.attn_norm, config_.norm_eps, dx, dh);
  }

  Config config_;
  peft::Lora lora_;
  bool recompute_;
  typename Backend::HeadShape shape_;
  Head<Backend> head_;

  std::size_t tokens_ = 0;
  std::vector<std::uint32_t> positions_;
  std::vector<AdapterRun> runs_;
  std::vector<float> cosines_, sines_;

  std::vector<Buffer> hidden_, scratch_, inputs_;
  std::vector<Kept> kept_;
  Buffer normed_, act_, act_again_, again_, low_rank_, d_low_rank_;
  Buffer d_gate_up_, d_normed_, d_attended_, d_qkv_;
};

/// The transformer on the CPU.
using Transformer = BasicTransformer<tensor::Cpu>;

}  // namespace zofo::model
