/// @file The best model of a run, and early stopping where training no longer lowers its loss.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "zofo/bilevel/observers.hpp"
#include "zofo/checkpoint/run_state.hpp"
#include "zofo/run/counters.hpp"

namespace zofo::llm {

/// Keeps the best candidate in addition to the counters of zofo::EarlyStopping, and saves both.
class BestCandidate {
 public:
  /// A run ends after `patience` evaluations in sequence without a lower loss; 0: never. `always`:
  /// evaluations are made even then.
  explicit BestCandidate(std::uint32_t patience, bool always = false)
      : on_(always || patience > 0), counts_({.patience = patience}) {}

  /// Whether candidates are evaluated.
  [[nodiscard]] bool on() const { return on_; }
  /// The candidate with the lowest loss; nothing before the first finite loss.
  [[nodiscard]] const std::optional<Candidate>& best() const { return best_; }
  /// Whether the run must end.
  [[nodiscard]] bool exhausted() const { return counts_.exhausted(); }
  /// The step of the latest evaluation.
  [[nodiscard]] std::uint32_t latest() const { return latest_; }
  /// Counts an evaluation; of equal losses the earlier candidate stays the best. A candidate with a loss that
  /// is not finite is never the best.
  void consider(Candidate candidate);

  /// Adds counters and best candidate to a state.
  void save(checkpoint::RunState& state) const;
  /// Continues from a state. Throws Error naming what is missing.
  void load(const checkpoint::RunState& state);

 private:
  void load_best(const checkpoint::RunState& state);
  static std::string name(std::size_t i);

  bool on_;
  std::uint32_t latest_ = 0;
  zofo::EarlyStopping counts_;
  std::optional<Candidate> best_;
};

}  // namespace zofo::llm
