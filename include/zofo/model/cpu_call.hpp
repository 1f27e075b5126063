/// @file A packed batch, its adapters and its targets as the operations on the CPU read them.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "zofo/model/batch.hpp"
#include "zofo/model/call_inputs.hpp"
#include "zofo/model/head_rows.hpp"
#include "zofo/model/kv_cache.hpp"
#include "zofo/model/packing.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/peft/dropout.hpp"
#include "zofo/tensor/cpu/elementwise.hpp"

namespace zofo::model {

struct CpuBackend;

/// A dense view of the first rows·cols entries, growing the buffer if it is shorter.
inline tensor::MatrixView<float> grown_view(std::vector<float>& buffer, std::size_t rows, std::size_t cols) {
  if (buffer.size() < rows * cols) buffer.resize(rows * cols);
  return tensor::view(buffer.data(), rows, cols);
}

/// log Σ exp over slices of a row of logits, stable by a running maximum.
struct RunningSum {
  double high = -std::numeric_limits<double>::infinity();  ///< the highest logit so far
  double sum = 0.0;                                        ///< Σ exp(logit − high)

  /// Adds n logits, at least one.
  void add(const float* x, std::size_t n) {
    float top = x[0];
#pragma omp simd reduction(max : top)
    for (std::size_t i = 0; i < n; ++i) top = std::max(top, x[i]);
    float part = 0.0F;
#pragma omp simd reduction(+ : part)
    for (std::size_t i = 0; i < n; ++i) part += tensor::cpu::fast_exp(x[i] - top);
    const double both = std::max(high, static_cast<double>(top));
    sum = sum * std::exp(high - both) + static_cast<double>(part) * std::exp(static_cast<double>(top) - both);
    high = both;
  }
  /// The logarithm of the sum.
  [[nodiscard]] double log() const { return high + std::log(sum); }
};

/// The state of one call of the transformer. Refers to the batch, the layouts and the adapters until the next
/// `begin`. Adapters are numbered within their kind.
class CpuCall {
 public:
  /// Starts a call: packs the batch and copies the adapters.
  void begin(CpuBackend& /*backend*/, const Config& config, const peft::Adapters& layouts,
             const CallInputs<Eigen::VectorXf, float>& inputs) {
    config_ = config;
    cached_ = inputs.cached;
    packing_.set(config, layouts, *inputs.batch, inputs.adapters.size(), inputs.cached.lengths);
    batch_ = inputs.batch;
    layouts_ = &layouts;
    probes_ = inputs.probes.size();
    saves_activations_ = inputs.backward;
    head_rows_.set(*batch_, packing_);
    log_p_.assign(probes_, std::vector<double>(batch_->targets.size(), 0.0));
    set_dropout(inputs.dropout);
    take_adapters(inputs.adapters);
  }
  /// log P of each target, [probe][target].
  std::vector<std::vector<double>> results(CpuBackend& /*backend*/) { return std::move(log_p_); }
  /// The most probable token at each target's position; −1: a logit there is not a number.
  std::vector<std::int32_t> best_tokens(CpuBackend& /*backend*/) {
    std::vector<std::int32_t> of_target;
    for (const std::uint32_t row : head_rows_.row_of) of_target.push_back(best_[row]);
    return of_target;
  }
  /// Sets the derivative of the loss in each target's log-probability.
  void set_dlogprobs(CpuBackend& /*backend*/, std::span<const double> dlogprobs) {
    dlogprobs_.assign(dlogprobs.begin(), dlogprobs.end());
  }
  /// Copies the adapters' gradients to `to`; null entries are skipped.
  void gradients(CpuBackend& /*backend*/, std::span<Eigen::VectorXf* const> to) const {
    for (std::size_t i = 0; i < to.size(); ++i)
      if (to[i] != nullptr) *to[i] = gradients_[peft::index(packing_.kind(i))].col(number(i));
  }

  ///@{
  /// What `begin` was given.
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const Packing& packing() const { return packing_; }
  [[nodiscard]] const Batch& batch() const { return *batch_; }
  [[nodiscard]] const peft::Adapters& layouts() const { return *layouts_; }
  ///@}
  /// The layout of LoRA; only for calls with a LoRA adapter.
  [[nodiscard]] const peft::Lora& lora() const { return layouts_->lora(); }
  /// The dropout masks of this call; null if nothing is dropped.
  [[nodiscard]] const peft::DropoutMask* dropout() const { return mask_ ? &*mask_ : nullptr; }
  /// The key of the masks.
  [[nodiscard]] peft::DropoutKey dropout_key() const { return dropout_key_; }
  /// Whether a sequence of the call has an adapter of this kind.
  [[nodiscard]] bool uses(peft::Kind kind) const { return packing_.uses(kind); }
  /// Rows of one probe.
  [[nodiscard]] std::size_t tokens() const { return packing_.tokens(); }
  /// Whether a backward pass follows.
  [[nodiscard]] bool saves_activations() const { return saves_activations_; }
  /// Probes that share the pass.
  [[nodiscard]] std::size_t probes() const { return probes_; }
  /// Rows of all probes.
  [[nodiscard]] std::size_t rows() const { return tokens() * probes_; }
  /// Calls use(probe, its first row, its rows) for each probe of `all` rows.
  template <class Use>
  void for_probes(std::size_t all, Use&& use) const {
    const std::size_t n = all / probes_;
    for (std::size_t j = 0; j < probes_; ++j) use(j, j * n, n);
  }
  /// Distinct positions of the targets.
  [[nodiscard]] std::size_t head_rows() const { return head_rows_.tokens.size(); }
  ///@{
  /// The packed token of each head row, and the head row of a target.
  [[nodiscard]] std::span<const std::uint32_t> head_tokens() const { return head_rows_.tokens; }
  [[nodiscard]] std::size_t head_row(std::size_t target) const { return head_rows_.row_of[target]; }
  ///@}
  ///@{
  /// The derivative in each target's log-probability; the log-probabilities, [probe][target]; the sums of
  /// exponentials, [probe][head row]; the most probable token of each head row.
  [[nodiscard]] std::span<const double> dlogprobs() const { return dlogprobs_; }
  [[nodiscard]] std::vector<std::vector<double>>& log_p() { return log_p_; }
  [[nodiscard]] std::vector<RunningSum>& sums() { return sums_; }
  [[nodiscard]] std::vector<std::int32_t>& best() { return best_; }
  ///@}
  /// The key/value cache of the call, if there is one.
  [[nodiscard]] const CachedCall<float>& cached() const { return cached_; }
  ///@{
  /// The adapters of a kind one after the other, and their gradients.
  [[nodiscard]] const float* values(peft::Kind kind) const { return values_[peft::index(kind)].data(); }
  [[nodiscard]] float* gradients(peft::Kind kind) { return gradients_[peft::index(kind)].data(); }
  ///@}

 private:
  // One column an adapter.
  using Columns = Eigen::MatrixXf;

  [[nodiscard]] Eigen::Index number(std::size_t adapter) const {
    return static_cast<Eigen::Index>(packing_.number(adapter));
  }
  void take_adapters(std::span<const Eigen::VectorXf* const> adapters) {
    for (std::size_t k = 0; k < values_.size(); ++k) {
      const auto kind = static_cast<peft::Kind>(k);
      const auto size = static_cast<Eigen::Index>(layouts_->size(kind));
      values_[k].resize(size, static_cast<Eigen::Index>(packing_.count(kind)));
      if (saves_activations_) gradients_[k].setZero(values_[k].rows(), values_[k].cols());
    }
    for (std::size_t a = 0; a < adapters.size(); ++a)
      values_[peft::index(packing_.kind(a))].col(number(a)) = *adapters[a];
  }
  void set_dropout(std::optional<peft::DropoutKey> dropout) {
    mask_.reset();
    if (!dropout || !layouts_->has(peft::Kind::lora) || lora().options().dropout == 0.0F) return;
    mask_ = peft::DropoutMask(lora().options().dropout);
    dropout_key_ = *dropout;
  }

  Config config_;
  Packing packing_;
  const Batch* batch_ = nullptr;
  const peft::Adapters* layouts_ = nullptr;
  std::array<Columns, peft::kind_names.size()> values_, gradients_;
  std::optional<peft::DropoutMask> mask_;
  peft::DropoutKey dropout_key_;
  std::size_t probes_ = 1;
  bool saves_activations_ = false;
  HeadRows head_rows_;
  std::vector<RunningSum> sums_;  // [probe][head row]
  std::vector<std::vector<double>> log_p_;
  std::vector<std::int32_t> best_;  // of each head row
  std::vector<double> dlogprobs_;
  CachedCall<float> cached_;
};

}  // namespace zofo::model
