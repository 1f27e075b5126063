/// @file Final norm and output head at the positions of the targets, one slice of the vocabulary at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/target_modules.hpp"

namespace zofo::model {

/// Log-probabilities of a batch's targets from the last hidden states. Logits are computed only at the
/// targets' positions.
template <class Backend>
class Head {
 public:
  ///@{
  /// The backend's types.
  using Scalar = typename Backend::Scalar;
  using View = tensor::MatrixView<Scalar>;
  using Call = typename Backend::Call;
  ///@}

  /// A head of a model of this shape.
  explicit Head(const Config& config) : config_(config) {}

  /// Throws Error unless 1 ≤ limit ≤ the vocabulary.
  void check_limit(std::size_t limit) const {
    require(limit >= 1 && limit <= config_.vocab, "transformer: best of {} tokens: must be in [1, {}]", limit,
            config_.vocab);
  }
  /// Appends the weights that log_probabilities reads, in its order: those of the norm and the projection, if
  /// the model has them, then slices of at most `slice` rows of the head's matrix.
  static void append_ranges(const Layout& layout, std::size_t slice, std::vector<WeightRange>& ranges) {
    if (layout.config().final_norm()) ranges.push_back({layout.output_norm(), layout.output_norm_count()});
    if (layout.config().projected()) ranges.push_back({layout.project_out(), 1});
    const std::size_t vocab = layout.config().vocab;
    for (std::size_t row = 0; row < vocab; row += slice)
      ranges.push_back({layout.head(), 1, row, std::min(slice, vocab - row)});
  }

  /// Stores log P of every target at every probe in the call; weights.at(i) returns range i, and the head's
  /// ranges start at index `first`.
  template <class Weights>
  void log_probabilities(Backend& b, Call& call, const Layout& layout, Weights& weights, std::size_t first,
                         View hidden) {
    View x = gather(b, call, hidden);
    if (config_.final_norm()) x = norm(b, call, norm_weights(layout, weights.at(first++)), x);
    if (config_.projected()) x = project(b, call, layout, weights.at(first++)(layout.project_out()), x);
    b.begin_head(call);
    for (std::size_t i = first; i < weights.count(); ++i) {
      const WeightRange& range = weights.range(i);
      slice(b, call, x, weights.at(i)(layout.head()), range.row, range.rows);
    }
    b.finish_head(call);
  }

  /// The same at θ; the logits of all slices are saved for `backward`.
  template <class Theta>
  void forward_and_save(Backend& b, Call& call, const Theta& theta, View hidden) {
    const View x = head_input(b, call, theta, hidden);
    b.begin_head(call);
    slice(b, call, x, {theta.data(theta.layout().head()), 0}, 0, config_.vocab);
    b.finish_head(call);
  }
  /// Stores the logits at every target's position, at θ; returns them.
  template <class Theta>
  tensor::MatrixView<float> logits(Backend& b, Call& call, const Theta& theta, View hidden) {
    const View x = head_input(b, call, theta, hidden);
    const auto logits = stored_logits(b, x.rows);
    b.logits(call, x, {{theta.data(theta.layout().head()), 0}, {}, config_.vocab, config_.embedded()}, 0,
             logits);
    if (config_.adjusts_logits()) b.adjust_logits(call, config_, logits);
    return logits;
  }
  /// Stores the most probable of the first `limit` tokens at every target's position in the call, at θ.
  template <class Theta>
  void best_tokens(Backend& b, Call& call, const Theta& theta, View hidden, std::size_t limit) {
    b.pick_best(call, logits(b, call, theta, hidden).cols_from(0, limit));
  }
  /// What best_tokens has stored, one of the targets after the other; waits for the device. Throws Error if a
  /// logit is NaN.
  std::vector<std::int32_t> read_best_tokens(Backend& b, Call& call) {
    std::vector<std::int32_t> best = call.best_tokens(b);
    require(std::ranges::find(best, -1) == best.end(),
            "transformer: a logit is NaN: the weights or the adapter are too large");
    return best;
  }
  /// The first `limit` of the logits that `logits` has stored, one of the `targets` after the other. Waits
  /// for the device.
  std::vector<float> read_logits(Backend& b, const Call& call, std::size_t targets, std::size_t limit) {
    std::size_t used = 0;
    for (std::size_t i = 0; i < targets; ++i) used = std::max(used, call.head_row(i) + 1);
    const std::vector<float> rows =
        b.read(stored_logits(b, call.head_rows()).rows_from(0, used).cols_from(0, limit));
    if (used == targets) return rows;  // each target has its own row, and rows are in the order of targets
    std::vector<float> of_targets;
    for (std::size_t i = 0; i < targets; ++i) {
      const auto row = std::span(rows).subspan(call.head_row(i) * limit, limit);
      of_targets.insert(of_targets.end(), row.begin(), row.end());
    }
    return of_targets;
  }

  /// dh = the gradient in the last hidden states, from the derivatives in the log-probabilities, which the
  /// call holds.
  template <class Theta>
  void backward(Backend& b, Call& call, const Theta& theta, View dh) {
    const std::size_t n = call.head_rows();
    const Layout& layout = theta.layout();
    const View rows = b.view(gathered_, n, config_.width);
    const View d_logits = b.view(d_logits_, n, b.logit_stride(config_.vocab)).cols_from(0, config_.vocab);
    const auto logits = stored_logits(b, n);
    b.logit_gradient(call, logits, d_logits);
    if (config_.adjusts_logits()) b.adjust_logits_backward(call, config_, logits, d_logits);
    const View dx = b.view(normed_, n, config_.width);
    const View d_embedded = config_.projected() ? b.view(projected_, n, config_.embedding_width) : dx;
    b.linear_backward(call, d_logits, {{theta.data(layout.head()), 0}, {}, config_.vocab, config_.embedded()},
                      d_embedded);
    if (config_.projected())
      b.linear_backward(call, d_embedded,
                        {{theta.data(layout.project_out()), 0}, {}, config_.embedding_width, config_.width},
                        dx);
    if (!config_.final_norm()) return b.scatter(call, dx, dh);
    const View d_rows = b.view(d_rows_, n, config_.width);
    b.fill_zero(d_rows);
    b.norm_backward(call, config_, norm_weights_of(theta), rows, TargetModules::none(), dx, d_rows);
    b.scatter(call, d_rows, dh);
  }

 private:
  tensor::MatrixView<float> stored_logits(Backend& b, std::size_t rows) {
    return b.float_view(logits_, rows, b.logit_stride(config_.vocab)).cols_from(0, config_.vocab);
  }
  // The input of the head's matrix at θ.
  template <class Theta>
  View head_input(Backend& b, Call& call, const Theta& theta, View hidden) {
    View x = gather(b, call, hidden);
    const Layout& layout = theta.layout();
    if (config_.final_norm()) x = norm(b, call, norm_weights_of(theta), x);
    if (config_.projected()) x = project(b, call, layout, {theta.data(layout.project_out()), 0}, x);
    return x;
  }
  View norm(Backend& b, Call& call, const NormWeights<Scalar>& w, View rows) {
    const View x = b.view(normed_, rows.rows, config_.width);
    b.norm(call, config_, TargetModules::none(), w, rows, x);
    return x;
  }
  View project(Backend& b, Call& call, const Layout& layout, tensor::PerProbe<Scalar> matrix, View x) {
    const View y = b.view(projected_, x.rows, config_.embedding_width);
    b.project(call, x, {matrix, {}, config_.embedding_width, config_.width}, layout.project_out(), y);
    return y;
  }
  View gather(Backend& b, Call& call, View hidden) {
    const View rows = b.view(gathered_, call.probes() * call.head_rows(), config_.width);
    b.gather(call, hidden, rows);
    return rows;
  }
  template <class TensorWeights>
  NormWeights<Scalar> norm_weights(const Layout& layout, const TensorWeights& weights) const {
    NormWeights<Scalar> w{weights(layout.output_norm()), {}};
    if (config_.norm == NormKind::layer) w.bias = weights(layout.output_norm() + 1);
    return w;
  }
  // The final norm's weights in θ itself.
  template <class Theta>
  NormWeights<Scalar> norm_weights_of(const Theta& theta) const {
    return norm_weights(theta.layout(),
                        [&](std::size_t i) { return tensor::PerProbe<Scalar>{theta.data(i), 0}; });
  }
  void slice(Backend& b, Call& call, View x, tensor::PerProbe<Scalar> matrix, std::size_t first,
             std::size_t count) {
    const auto logits = b.float_view(logits_, x.rows, b.logit_stride(count)).cols_from(0, count);
    b.logits(call, x, {matrix, {}, count, config_.embedded()}, first, logits);
    if (config_.adjusts_logits()) b.adjust_logits(call, config_, logits);
    b.add_slice(call, logits, first);
  }

  Config config_;
  typename Backend::Buffer normed_, projected_, gathered_, d_rows_, d_logits_;
  typename Backend::FloatBuffer logits_;
};

/// The weights that a forward pass at probes reads, in its order; `slice`: rows of the head's matrix per
/// slice.
template <class Backend>
std::vector<WeightRange> pass_ranges(const Layout& layout, std::size_t slice) {
  std::vector<WeightRange> list;
  if (layout.config().projected()) list.push_back({layout.project_in(), 1});
  for (std::size_t l = 0; l < layout.config().layers; ++l)
    for (const Stage stage : {Stage::attention, Stage::ffn_in, Stage::ffn_out})
      list.push_back(stage_range(layout, l, stage));
  Head<Backend>::append_ranges(layout, slice, list);
  return list;
}

}  // namespace zofo::model
