/// @file Stopping when training no longer lowers the loss on the rows set aside.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/option_enums.hpp"
#include "zofo/core/error.hpp"
#include "zofo/run/counters.hpp"

namespace zofo::llm {

/// Keeps the best candidate and counts the evaluations since (Prechelt 1998, "Early stopping: but when?", its
/// third criterion).
class EarlyStopping {
 public:
  /// `patience`: evaluations in a row without a lower loss that end a run; 0: none do.
  explicit EarlyStopping(std::uint32_t patience) : patience_(patience) {}

  [[nodiscard]] bool on() const { return patience_ > 0; }
  [[nodiscard]] const std::optional<Candidate>& best() const { return best_; }
  [[nodiscard]] bool exhausted() const { return on() && worse_ >= patience_; }
  /// The step of the latest evaluation.
  [[nodiscard]] std::uint32_t latest() const { return latest_; }
  /// Takes a candidate into account; of equal losses the earlier stays. A loss that is not finite is no
  /// best.
  void see(Candidate candidate) {
    latest_ = candidate.steps;
    if (best_ ? candidate.loss < best_->loss : std::isfinite(candidate.loss)) {
      best_ = std::move(candidate);
      worse_ = 0;
    } else {
      ++worse_;
    }
  }

  void save(checkpoint::RunState& state) const {
    if (!on()) return;
    state.numbers["stopping"] = {{"worse", worse_}, {"latest", latest_}};
    if (!best_) return;
    state.numbers["best"] = {{"loss", best_->loss},
                             {"accuracy", best_->accuracy},
                             {"steps", best_->steps},
                             {"selected", to_text(best_->selected)},
                             {"upper", best_->upper_loss},
                             {"lower", best_->lower_loss},
                             {"adapters", best_->adapters.size()}};
    for (std::size_t i = 0; i < best_->adapters.size(); ++i) state.vectors[name(i)] = best_->adapters[i];
  }
  /// Throws Error naming what is missing.
  void load(const checkpoint::RunState& state) {
    if (!on()) return;
    const auto counts = state.fields("stopping");
    worse_ = counts.integer("worse");
    latest_ = counts.integer("latest");
    if (!state.numbers.contains("best")) return;
    const auto b = state.fields("best");
    best_ = Candidate{b.number("loss"),
                      checkpoint::number_or_nan(b, "accuracy"),
                      b.integer("steps"),
                      enum_from<Selected>("best: selected", b.string("selected")),
                      checkpoint::number_or_nan(b, "upper"),
                      checkpoint::number_or_nan(b, "lower")};
    for (std::uint32_t i = 0; i < b.integer("adapters"); ++i) {
      const Eigen::VectorXf* const adapter = state.vector(name(i));
      require(adapter != nullptr, "saved state: vector '{}': is missing", name(i));
      best_->adapters.push_back(*adapter);
    }
  }

 private:
  static std::string name(std::size_t i) { return fmt::format("best {}", i); }

  std::uint32_t patience_, worse_ = 0, latest_ = 0;
  std::optional<Candidate> best_;
};

}  // namespace zofo::llm
