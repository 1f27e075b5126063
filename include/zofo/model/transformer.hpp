/// @file A transformer over packed sequences: log-probabilities at many probes, gradients of adapters only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/block.hpp"
#include "zofo/model/cpu_backend.hpp"
#include "zofo/model/head.hpp"
#include "zofo/model/kv_cache.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/probed.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/peft/dropout.hpp"

namespace zofo::model {

/// A transformer of the parts that Config describes, written once over a backend. It owns only workspaces:
/// each call is given weights and adapters and modifies neither. For one thread at a time; buffers grow to
/// the largest batch so far.
template <class Backend>
class BasicTransformer {
 public:
  ///@{
  /// The backend's types of weights and adapters; a call's adapters, their gradients, its cache's slots.
  using Theta = typename Backend::Theta;
  using Vector = typename Backend::Vector;
  using AdapterList = std::span<const Vector* const>;
  using GradientList = std::span<Vector* const>;
  using Slots = std::span<const std::uint32_t>;
  ///@}

  ///@{
  /// `adapters`: one layout, or one per kind that batches mix. `recompute`: gradient checkpointing, which
  /// saves one [tokens, width] per layer for the backward pass instead of all activations and costs most of a
  /// further forward pass. Throws Error if a size is out of range or a layout was made for another shape.
  BasicTransformer(Backend backend, const Config& config, peft::Adapters adapters, bool recompute = false)
      : config_(config),
        adapters_(std::move(adapters)),
        recompute_(recompute),
        backend_(std::move(backend)),
        block_(config),
        head_(config) {
    config_.check();
    adapters_.check(config_);
    backend_.check(config_);
  }
  BasicTransformer(const Config& config, peft::Adapters adapters, bool recompute = false)
    requires std::default_initializable<Backend>
      : BasicTransformer(Backend(), config, std::move(adapters), recompute) {}
  ///@}

  ///@{
  /// The layouts, that of LoRA (throws Error if there is none), the model's sizes, the backend.
  [[nodiscard]] const peft::Adapters& adapters() const { return adapters_; }
  [[nodiscard]] const peft::Lora& lora() const { return adapters_.lora(); }
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] Backend& backend() { return backend_; }
  ///@}

  /// log P of each target at θ. Throws Error if the batch does not fit the model.
  std::vector<double> log_probabilities(const Theta& theta, const Batch& batch, AdapterList adapters) {
    const Probe at_theta;
    return log_probabilities(theta, NoPerturbation{}, std::span(&at_theta, 1), batch, adapters).front();
  }

  /// log P of each target at each probe, [probe][target]. One packed pass per group of probes evaluates all
  /// sequences and adapters; the backend forms the groups (neighbours of one direction, whose noise is
  /// generated once, or all low-rank probes).
  template <class Distribution>
  std::vector<std::vector<double>> log_probabilities(const Theta& theta, const Distribution& distribution,
                                                     std::span<const Probe> probes, const Batch& batch,
                                                     AdapterList adapters) {
    check(theta, batch, adapters);
    std::vector<std::vector<double>> result;
    result.reserve(probes.size());
    for (const ProbeGroup& g : Backend::groups(distribution, probes)) {
      const auto group = probes.subspan(g.first, g.count);
      call_.begin(backend_, config_, adapters_, {.batch = &batch, .adapters = adapters, .probes = group});
      if (group[0].scale == 0.0 && group.size() == 1)
        group_pass(theta, backend_.at_probes(theta, NoPerturbation{}, group));
      else
        group_pass(theta, backend_.at_probes(theta, distribution, group));
      for (auto& each : call_.results(backend_)) result.push_back(std::move(each));
    }
    return result;
  }

  /// The value of `loss` and its gradient in every adapter. loss(logprobs, dlogprobs) returns the value and
  /// writes the derivative in each target's log-probability; gradients[i] is set for adapter i unless it is
  /// null. Weights have no gradient. `dropout` selects the masks of LoRA's inputs if the layout has dropout.
  template <class Loss>
  double value_and_gradient(const Theta& theta, const Batch& batch, AdapterList adapters, Loss&& loss,
                            GradientList gradients, std::optional<peft::DropoutKey> dropout = {}) {
    check(theta, batch, adapters);
    require(gradients.size() == adapters.size(), "transformer: {} gradients for {} adapters",
            gradients.size(), adapters.size());
    const Probe here;
    call_.begin(
        backend_, config_, adapters_,
        {.batch = &batch, .adapters = adapters, .probes = {&here, 1}, .backward = true, .dropout = dropout});
    backend_.run(call_, "forward and save", theta, [&] { forward_and_save(theta); });
    const std::vector<double> log_p = std::move(call_.results(backend_).front());
    std::vector<double> dlogprobs(log_p.size(), 0.0);
    const double value = loss(std::span<const double>(log_p), std::span<double>(dlogprobs));
    call_.set_dlogprobs(backend_, dlogprobs);
    backend_.run(call_, "backward", theta, [&] { backward(theta); });
    call_.gradients(backend_, gradients);
    return value;
  }

  /// log P of each target at θ; keys and values are stored in the slots of `cache`, one per sequence. With
  /// empty slots the call is a prefill of whole sequences; else a decode step, in which each sequence is one
  /// token that follows its slot's positions. Throws Error if the batch does not fit the model or cache.
  std::vector<double> log_probabilities(const Theta& theta, const Batch& batch, AdapterList adapters,
                                        KvCache<Backend>& cache, Slots slots) {
    cached_pass(theta, batch, adapters, cache, slots, "cached log-probabilities",
                [&](View h) { head_.forward_and_save(backend_, call_, theta, h); });
    return std::move(call_.results(backend_).front());
  }
  /// The same for the most probable of the first `limit` tokens at each target's position; of equally
  /// probable ones the lowest. Throws Error if a logit is NaN.
  std::vector<std::int32_t> best_tokens(const Theta& theta, const Batch& batch, AdapterList adapters,
                                        KvCache<Backend>& cache, Slots slots, std::size_t limit) {
    head_.check_limit(limit);
    cached_pass(theta, batch, adapters, cache, slots, fmt::format("best of {} tokens", limit),
                [&](View h) { head_.best_tokens(backend_, call_, theta, h, limit); });
    return head_.read_best_tokens(backend_, call_);
  }
  /// The same for the first `limit` logits at each target's position, one target after the other; any value.
  std::vector<float> logits(const Theta& theta, const Batch& batch, AdapterList adapters,
                            KvCache<Backend>& cache, Slots slots, std::size_t limit) {
    head_.check_limit(limit);
    cached_pass(theta, batch, adapters, cache, slots, "logits",
                [&](View h) { head_.logits(backend_, call_, theta, h); });
    return head_.read_logits(backend_, call_, batch.targets.size(), limit);
  }

  /// Keys (rotated to the positions 0 … n − 1) and values of n tokens in every layer, laid out as a prefix of
  /// n virtual tokens: with it a sequence is evaluated as after these tokens. Throws Error if they do not fit
  /// the model.
  Eigen::VectorXf keys_and_values(const Theta& theta, std::span<const std::int32_t> tokens) {
    begin_reading(theta, tokens);
    const std::size_t queries = config_.query_width(), width = config_.key_width();
    std::vector<float> values;
    forward_layers(theta, [&](std::size_t l) {
      const View qkv = backend_.view(saved(l).qkv, call_.rows(), config_.qkv_width());
      for (const std::size_t column : {queries, queries + width})
        for (const float x : backend_.read(qkv.rows_from(0, tokens.size()).cols_from(column, width)))
          values.push_back(x);
    });
    return Eigen::Map<const Eigen::VectorXf>(values.data(), static_cast<Eigen::Index>(values.size()));
  }
  /// The embeddings of n tokens, laid out as a prompt of n virtual tokens. Throws Error as above.
  Eigen::VectorXf embedded(const Theta& theta, std::span<const std::int32_t> tokens) {
    begin_reading(theta, tokens);
    const View x = backend_.view(embedded_, call_.rows(), config_.embedded());
    auto weights = backend_.at_probes(theta, NoPerturbation{}, {});
    weights.embed_tokens(call_, x);
    scale_embedded(x, false);
    const std::vector<float> values = backend_.read(x.rows_from(0, tokens.size()));
    return Eigen::Map<const Eigen::VectorXf>(values.data(), static_cast<Eigen::Index>(values.size()));
  }

 private:
  using Buffer = typename Backend::Buffer;
  using View = tensor::MatrixView<typename Backend::Scalar>;
  using Weights = LayerWeights<typename Backend::Scalar>;
  using Saved = typename Block<Backend>::Saved;

  void check(const Theta& theta, const Batch& batch, AdapterList adapters,
             std::span<const std::uint32_t> cached = {}) const {
    require(theta.config() == config_, "transformer: the weights belong to a model of another shape");
    check_batch(config_, adapters_, batch, adapters.size(), cached);
    for (std::size_t i = 0; i < adapters.size(); ++i)
      check_adapter_size(adapters_, batch, i, static_cast<std::size_t>(adapters[i]->size()));
  }
  // Starts a call whose activations are read.
  void begin_reading(const Theta& theta, std::span<const std::int32_t> tokens) {
    read_ = {};
    read_.add(tokens, -1);
    check(theta, read_, {});
    const Probe here;
    call_.begin(backend_, config_, adapters_, {.batch = &read_, .probes = {&here, 1}, .backward = true});
  }
  View hidden_view(Buffer& buffer) { return backend_.view(buffer, call_.rows(), config_.width); }

  // One pass at all probes of a group; `weights` provides each stage's weights at every probe.
  template <class Probed>
  void group_pass(const Theta& theta, Probed&& weights) {
    const Layout& layout = theta.layout();
    weights.set_ranges(pass_ranges<Backend>(layout, backend_.head_slice(config_)));
    saved_.resize(std::max<std::size_t>(saved_.size(), 1));
    backend_.run(call_, weights, theta, [&] {
      const View h = hidden_view(hidden_);
      backend_.begin_pass(call_);
      weights.begin(call_);
      std::size_t next = 0;
      embed(weights, layout, h, [&] { return weights.at(next++)(layout.project_in()); });
      for (std::size_t l = 0; l < config_.layers; ++l) {
        const auto at = [&](Stage stage) {
          const std::size_t i = next + l * stages_per_block + static_cast<std::size_t>(stage);
          return Weights::at(layout, l, weights.at(i));
        };
        block_.attention(backend_, call_, l, at(Stage::attention), pending_of(l), h, h, saved_[0]);
        block_.ffn_in(backend_, call_, l, at(Stage::ffn_in), h, saved_[0]);
        block_.ffn_out(backend_, call_, l, at(Stage::ffn_out), h, h, saved_[0]);
      }
      backend_.low_rank_out(call_, pending_of(config_.layers), h);
      head_.log_probabilities(backend_, call_, layout, weights, next + config_.layers * stages_per_block, h);
    });
  }

  // One pass at θ that stores keys and values in the cache; ends with head(last hidden states).
  template <class HeadPass>
  void cached_pass(const Theta& theta, const Batch& batch, AdapterList adapters, KvCache<Backend>& cache,
                   Slots slots, std::string_view name, HeadPass&& head) {
    const auto reserved = [&](std::size_t i) { return virtual_tokens(adapters_, batch, i); };
    cache.lengths(config_, batch, slots, cached_);
    check(theta, batch, adapters, cached_);
    const auto cached = cache.call(batch, slots, reserved, cached_);
    const Probe here;
    call_.begin(backend_, config_, adapters_,
                {.batch = &batch, .adapters = adapters, .probes = {&here, 1}, .cached = cached});
    saved_.resize(std::max<std::size_t>(saved_.size(), 1));
    backend_.run(call_, name, theta, [&] {
      auto weights = backend_.at_probes(theta, NoPerturbation{}, {});
      const View h = hidden_view(hidden_);
      backend_.begin_pass(call_);
      embed(weights, theta.layout(), h, [&] { return project_in(theta); });
      for (std::size_t l = 0; l < config_.layers; ++l) {
        const Weights w = Weights::of(theta, l);
        block_.attention(backend_, call_, l, w, pending_of(l), h, h, saved_[0]);
        block_.ffn_in(backend_, call_, l, w, h, saved_[0]);
        block_.ffn_out(backend_, call_, l, w, h, h, saved_[0]);
      }
      backend_.low_rank_out(call_, pending_of(config_.layers), h);
      head(h);
    });
    cache.commit(batch, slots, reserved);
  }

  // The first hidden states; project_in() returns the weights of the projection, if the model has one.
  template <class Probed, class ProjectIn>
  void embed(Probed& weights, const Layout& layout, View h, ProjectIn&& project_in) {
    const bool prompted = call_.uses(peft::Kind::prompt);
    if (!config_.projected() && !prompted && config_.embedding_scale == 1.0F) return weights.embed(call_, h);
    const View x = config_.projected() ? backend_.view(embedded_, h.rows, config_.embedding_width) : h;
    weights.embed_tokens(call_, x);
    scale_embedded(x, false);
    if (prompted) backend_.write_prompts(call_, x);
    scale_embedded(x, true);
    if (config_.projected())
      backend_.project(call_, x, {project_in(), {}, config_.width, config_.embedding_width},
                       layout.project_in(), h);
    weights.add_positions(call_, h);
  }

  // Embedded tokens are scaled before prompts are written, or with them.
  void scale_embedded(View x, bool with_prompts) {
    if (config_.embedding_scale == 1.0F || config_.scales_prompts != with_prompts) return;
    backend_.scaled(call_, x, config_.embedding_scale, x);
  }
  void forward_and_save(const Theta& theta) {
    forward_layers(theta, [](std::size_t) {});
    backend_.low_rank_out(call_, pending_of(config_.layers), hidden_view(hidden_));
    head_.forward_and_save(backend_, call_, theta, hidden_view(hidden_));
  }
  // Computes the hidden states of all layers and saves what the backward pass reads; calls done(l) after
  // layer l.
  template <class Done>
  void forward_layers(const Theta& theta, Done&& done) {
    saved_.resize(recompute_ ? 1 : config_.layers);
    inputs_.resize(config_.layers);
    residuals_.resize(recompute_ ? 1 : config_.layers);
    auto weights = backend_.at_probes(theta, NoPerturbation{}, {});
    backend_.begin_pass(call_);
    embed(weights, theta.layout(), hidden_view(inputs_[0]), [&] { return project_in(theta); });
    for (std::size_t l = 0; l < config_.layers; ++l) {
      const Weights w = Weights::of(theta, l);
      const View h = hidden_view(inputs_[l]);
      forward_saved(l, w, pending_of(l), h);
      const View out = hidden_view(l + 1 < config_.layers ? inputs_[l + 1] : hidden_);
      block_.ffn_out(backend_, call_, l, w, residual(l), out, saved(l));
      done(l);
    }
  }
  void backward(const Theta& theta) {
    const View dh = hidden_view(hidden_);  // the last hidden states have been gathered
    head_.backward(backend_, call_, theta, dh);
    for (std::size_t l = config_.layers; l-- > 0;) {
      const Weights w = Weights::of(theta, l);
      const View h = hidden_view(inputs_[l]);
      if (recompute_) {
        forward_saved(l, w, TargetModules::none(), h);
        block_.ffn_out_again(backend_, call_, l, w, residual(l), saved(l));
      }
      block_.backward(backend_, call_, l, w, h, residual(l), dh, saved(l));
    }
    if (call_.uses(peft::Kind::prompt)) prompt_backward(theta, dh);
  }
  void prompt_backward(const Theta& theta, View dh) {
    View d = dh;
    if (config_.projected()) {
      d = backend_.view(embedded_, dh.rows, config_.embedding_width);
      backend_.linear_backward(call_, dh, {project_in(theta), {}, config_.width, config_.embedding_width}, d);
    }
    scale_embedded(d, true);
    backend_.prompt_gradient(call_, d);
  }
  static tensor::PerProbe<typename Backend::Scalar> project_in(const Theta& theta) {
    return {theta.data(theta.layout().project_in()), 0};
  }

  // The first two stages, which save all that ffn_out_again does not recompute.
  void forward_saved(std::size_t l, const Weights& w, TargetModules pending, View h) {
    block_.attention(backend_, call_, l, w, pending, h, residual(l), saved(l));
    block_.ffn_in(backend_, call_, l, w, residual(l), saved(l));
  }
  TargetModules pending_of(std::size_t layer) const {
    return layer > 0 && config_.adds_plainly() ? TargetModules::down(layer - 1) : TargetModules::none();
  }
  Saved& saved(std::size_t layer) { return saved_[recompute_ ? 0 : layer]; }
  View residual(std::size_t layer) { return hidden_view(residuals_[recompute_ ? 0 : layer]); }

  Config config_;
  peft::Adapters adapters_;
  bool recompute_;
  Backend backend_;
  typename Backend::Call call_;
  Block<Backend> block_;
  Head<Backend> head_;
  std::vector<Saved> saved_;
  std::vector<Buffer> inputs_, residuals_;
  Buffer hidden_, embedded_;
  Batch read_;
  std::vector<std::uint32_t> cached_;
};

/// The transformer on the CPU.
using Transformer = BasicTransformer<CpuBackend>;

}  // namespace zofo::model
