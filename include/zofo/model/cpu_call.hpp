/// @file A packed batch, its adapters and its wanted log-probabilities as the CPU's operations read them.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/head_rows.hpp"
#include "zofo/model/packing.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/tensor/cpu/elementwise.hpp"

namespace zofo::model {

struct CpuBackend;

/// log Σ exp over slices of a row of logits, stable by a running maximum.
struct RunningSum {
  double high = -std::numeric_limits<double>::infinity();
  double sum = 0.0;

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
  [[nodiscard]] double log() const { return high + std::log(sum); }
};

/// What one call of the transformer is about. Borrows the batch, the layout and the adapters until the next
/// `begin`.
class CpuCall {
 public:
  /// Takes up a batch that check_batch has passed, for a group of probes.
  void begin(CpuBackend& /*backend*/, const Config& config, const peft::Lora& lora, const Batch& batch,
             std::span<const Eigen::VectorXf* const> adapters, std::span<const Probe> probes, bool keeps) {
    config_ = config;
    packing_.set(config, batch);
    batch_ = &batch;
    lora_ = &lora;
    adapters_.assign(adapters.begin(), adapters.end());
    probes_ = probes.size();
    keeps_ = keeps;
    head_rows_.set(batch);
    log_p_.assign(probes_, std::vector<double>(batch.targets.size(), 0.0));
    gradients_.resize(keeps ? adapters.size() : 0);
    for (Eigen::VectorXf& g : gradients_) g.setZero(static_cast<Eigen::Index>(lora.size()));
  }
  /// log P of each target, [probe][target].
  std::vector<std::vector<double>> results(CpuBackend& /*backend*/) { return std::move(log_p_); }
  /// The loss's derivative in each log-probability.
  void set_slopes(CpuBackend& /*backend*/, std::span<const double> slopes) {
    slopes_.assign(slopes.begin(), slopes.end());
  }
  /// Hands the adapters' gradients over; those of a null entry are dropped.
  void gradients(CpuBackend& /*backend*/, std::span<Eigen::VectorXf* const> to) const {
    for (std::size_t i = 0; i < to.size(); ++i)
      if (to[i] != nullptr) *to[i] = gradients_[i];
  }

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const Packing& packing() const { return packing_; }
  [[nodiscard]] const Batch& batch() const { return *batch_; }
  [[nodiscard]] const peft::Lora& lora() const { return *lora_; }
  [[nodiscard]] std::size_t tokens() const { return packing_.tokens(); }
  /// A backward pass follows.
  [[nodiscard]] bool keeps() const { return keeps_; }
  [[nodiscard]] std::size_t probes() const { return probes_; }
  [[nodiscard]] std::size_t rows() const { return tokens() * probes_; }
  /// Distinct positions that targets ask for.
  [[nodiscard]] std::size_t head_rows() const { return head_rows_.tokens.size(); }
  [[nodiscard]] std::span<const std::uint32_t> head_tokens() const { return head_rows_.tokens; }
  [[nodiscard]] std::size_t head_row(std::size_t target) const { return head_rows_.row_of[target]; }
  [[nodiscard]] std::span<const double> slopes() const { return slopes_; }
  [[nodiscard]] std::vector<std::vector<double>>& log_p() { return log_p_; }
  [[nodiscard]] std::vector<RunningSum>& sums() { return sums_; }
  [[nodiscard]] const Eigen::VectorXf& adapter(int index) const {
    return *adapters_[static_cast<std::size_t>(index)];
  }
  [[nodiscard]] Eigen::VectorXf& gradient(int index) { return gradients_[static_cast<std::size_t>(index)]; }

 private:
  Config config_;
  Packing packing_;
  const Batch* batch_ = nullptr;
  const peft::Lora* lora_ = nullptr;
  std::vector<const Eigen::VectorXf*> adapters_;
  std::vector<Eigen::VectorXf> gradients_;
  std::size_t probes_ = 1;
  bool keeps_ = false;
  HeadRows head_rows_;
  std::vector<RunningSum> sums_;  // [probe][head row]
  std::vector<std::vector<double>> log_p_;
  std::vector<double> slopes_;
};

}  // namespace zofo::model
