/// @file A LLaMA-type transformer over packed sequences: log-probabilities at many probes, gradients of
/// adapters only.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/block.hpp"
#include "zofo/model/head.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/packing.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model/probed.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/perturb/perturbation.hpp"
#include "zofo/tensor/cpu/backend.hpp"

namespace zofo::model {

/// A LLaMA-type transformer (DESIGN.md §5). It owns workspaces only: weights and adapters come with each
/// call, and no call writes to them. One object serves one thread; buffers grow to the largest batch seen and
/// stay.
template <class Backend>
class BasicTransformer {
 public:
  /// `recompute` keeps one [tokens, width] a layer for the backward pass instead of all activations, at the
  /// price of one more forward.
  BasicTransformer(const Config& config, peft::Lora lora, bool recompute = false)
      : config_(config), recompute_(recompute), block_(config, std::move(lora)) {
    config_.check();
    require(this->lora().size() == peft::Lora(config_, this->lora().options()).size(),
            "transformer: the adapter layout is that of a model of another shape");
  }

  [[nodiscard]] const peft::Lora& lora() const { return block_.lora(); }
  [[nodiscard]] const Config& config() const { return config_; }

  /// log P of each target at θ. Throws Error if the batch does not fit the model.
  std::vector<double> log_probabilities(const Parameters& theta, const Batch& batch, AdapterList adapters) {
    const Probe here;
    return log_probabilities(theta, NoPerturbation{}, std::span(&here, 1), batch, adapters).front();
  }

  /// log P of each target at each probe, [probe][target]. The noise of a block's stage is generated
  /// once for all neighbouring probes of one direction, into a scratch of the stage's size; all sequences and
  /// adapters of the batch go through it in one packed pass. A law that must see θ's shape is bound to each
  /// such direction once.
  template <class Law>
  std::vector<std::vector<double>> log_probabilities(const Parameters& theta, const Law& law,
                                                     std::span<const Probe> probes, const Batch& batch,
                                                     AdapterList adapters) {
    begin(theta, batch, adapters);
    std::vector<std::vector<double>> result(probes.size());
    for (const ProbeGroup& g : group_probes(probes)) {
      const auto group = probes.subspan(g.first, g.count);
      if (group[0].scale == 0.0)
        group_pass(theta, NoPerturbation{}, group, batch, adapters, &result[g.first]);
      else
        group_pass(theta, zofo::bind(law, theta, group[0].direction), group, batch, adapters,
                   &result[g.first]);
    }
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
      if (g != nullptr) g->setZero(static_cast<Eigen::Index>(lora().size()));
    const View h = forward_and_keep(theta, batch, adapters);
    const double value = head_.value_and_gradient(theta, batch, h, loss);
    for (std::size_t l = config_.layers; l-- > 0;) {
      const BlockCall call{l, LayerWeights::of(theta, l), packing_, adapters};
      const View input = hidden_view(inputs_[l]);
      if (recompute_) forward_again(call, input);
      block_.backward(call, input, h, gradients, kept(l));
    }
    return value;
  }

 private:
  using Buffer = typename Backend::Buffer;
  using View = typename Backend::View;
  using Kept = typename Block<Backend>::Kept;

  Kept& kept(std::size_t layer) { return kept_[recompute_ ? 0 : layer]; }
  View hidden_view(Buffer& buffer) const { return Backend::view(buffer, packing_.tokens(), config_.width); }
  static void copy(View from, View to) { std::copy_n(from.data, from.rows * from.cols, to.data); }

  void begin(const Parameters& theta, const Batch& batch, AdapterList adapters) {
    const Config& c = theta.config();
    require(c.vocab == config_.vocab && c.width == config_.width && c.layers == config_.layers &&
                c.heads == config_.heads && c.kv_heads == config_.kv_heads &&
                c.head_dim == config_.head_dim && c.ffn == config_.ffn && c.tied == config_.tied,
            "transformer: the weights are those of a model of another shape");
    for (const Eigen::VectorXf* a : adapters)
      require(static_cast<std::size_t>(a->size()) == lora().size(),
              "transformer: an adapter has {} entries: its layout needs {}", a->size(), lora().size());
    check_batch(config_, batch, adapters.size());
    packing_.set(config_, batch);
  }

  View forward_and_keep(const Parameters& theta, const Batch& batch, AdapterList adapters) {
    kept_.resize(recompute_ ? 1 : config_.layers);
    inputs_.resize(config_.layers);
    hidden_.resize(std::max<std::size_t>(hidden_.size(), 1));
    const View h = hidden_view(hidden_[0]);
    embed(theta, NoPerturbation{}, Probe{}, batch, h);
    for (std::size_t l = 0; l < config_.layers; ++l) {
      copy(h, hidden_view(inputs_[l]));
      block_.forward({l, LayerWeights::of(theta, l), packing_, adapters}, h, kept(l));
    }
    return h;
  }

  void forward_again(const BlockCall& call, View input) {
    const View again = hidden_view(again_);
    copy(input, again);
    block_.forward(call, again, kept_[0]);
  }

  // One pass at all probes of a group: stage by stage, so that each probe reads weights that are still in the
  // cache.
  template <class Law>
  void group_pass(const Parameters& theta, const Law& law, std::span<const Probe> group, const Batch& batch,
                  AdapterList adapters, std::vector<double>* results) {
    kept_.resize(std::max(kept_.size(), group.size()));
    hidden_.resize(std::max(hidden_.size(), group.size()));
    std::vector<View> h(group.size());
    for (std::size_t i = 0; i < group.size(); ++i) {
      h[i] = hidden_view(hidden_[i]);
      embed(theta, law, group[i], batch, h[i]);
    }
    for (std::size_t l = 0; l < config_.layers; ++l) {
      const auto each = [&](Stage stage, auto&& operation) {
        const std::vector<const float*> weights = probed_stage(theta, law, group, l, stage);
        for (std::size_t i = 0; i < group.size(); ++i)
          operation(BlockCall{l, LayerWeights::at(theta, l, stage, weights[i]), packing_, adapters}, h[i],
                    kept_[i]);
      };
      each(attention_stage, [this](const BlockCall& c, View x, Kept& k) { block_.attention(c, x, k); });
      each(gate_up_stage, [this](const BlockCall& c, View x, Kept& k) { block_.gate_up(c, x, k); });
      each(down_stage, [this](const BlockCall& c, View x, Kept& k) { block_.down(c, x, k); });
    }
    head_.log_probabilities(theta, law, group, batch, h, results);
  }

  // A stage's weights at each probe of the group: θ's own where no noise is asked for, else scratch.
  template <class Law>
  std::vector<const float*> probed_stage(const Parameters& theta, const Law& law,
                                         std::span<const Probe> group, std::size_t layer, Stage stage) {
    const std::size_t first = Parameters::layer_first(layer) + stage.first;
    if (group[0].scale == 0.0) return {theta.data(first)};
    const auto& tensors = theta.tensors();
    const Parameters::Tensor& last = tensors[first + stage.count - 1];
    const std::size_t size = last.offset + last.size() - tensors[first].offset;
    scratch_.resize(std::max(scratch_.size(), group.size()));
    std::vector<float*> out(group.size());
    for (std::size_t j = 0; j < group.size(); ++j) out[j] = Backend::view(scratch_[j], 1, size).data;
    std::vector<const float*> bases(out.begin(), out.end());
    for (std::size_t i = first; i < first + stage.count; ++i) {
      const auto n = static_cast<std::size_t>(tensors[i].size());
      write_probed(law, group, static_cast<std::uint32_t>(i), 0, theta.data(i), n, out);
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
    for (std::size_t t = 0; t < batch.tokens.size(); ++t) {
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

  Config config_;
  bool recompute_;
  Block<Backend> block_;
  Head<Backend> head_;
  Packing packing_;
  std::vector<Buffer> hidden_, scratch_, inputs_;
  std::vector<Kept> kept_;
  Buffer again_;
};

/// The transformer on the CPU.
using Transformer = BasicTransformer<tensor::Cpu>;

}  // namespace zofo::model
