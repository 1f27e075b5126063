/// @file The adapters that a solver trains, as many in memory as may be.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "zofo/bilevel/single_level.hpp"
#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/batch_key.hpp"
#include "zofo/train/adapter_cache.hpp"

namespace zofo::llm {

/// The pairs of adapters of all tasks of a solver, as many in memory as may be. Borrows the device and the
/// options.
template <class Device>
class TaskAdapters {
 public:
  using Store = AdapterStore<Device>;

  TaskAdapters(Device& device, const RunOptions& options, AdapterStoreOptions store)
      : options_(options), store_(device, std::move(store)), pairs_(store_.empty_pairs()) {}

  [[nodiscard]] typename Store::Pairs& pairs() { return pairs_; }
  /// Makes the adapters that the solver's next step uses available: at their start where the options reset
  /// them, and in memory. An anchor holds those of all tasks.
  template <class Solver>
  void prepare(Solver& solver) {
    const std::uint32_t step = solver.state().step;
    if (options_.adapters == AdapterMode::reset && step > 0 && step % options_.reset_interval == 0)
      store_.reset(pairs_, solver.state().tasks);
    std::vector<std::size_t> wanted = solver.upcoming();
    if (options_.variance_reduction != ReductionKind::none) {
      wanted.resize(pairs_.size());
      std::iota(wanted.begin(), wanted.end(), std::size_t{0});
    }
    store_.fetch(wanted, pairs_, solver.state().tasks);
  }
  template <class Solver>
  void save(Solver& solver, checkpoint::RunState& out) {
    store_.save(pairs_, solver.state().tasks, out);
  }
  /// Throws Error naming what does not fit.
  template <class Solver>
  void load(Solver& solver, const checkpoint::RunState& in) {
    store_.load(in, pairs_, solver.state().tasks);
  }
  /// p or s of a task on the host; of one pair for all tasks, of any task.
  [[nodiscard]] Eigen::VectorXf adapter(std::size_t task, Level level) const {
    return store_.adapter(pairs_.size() == 1 ? 0 : task, level, pairs_);
  }

 private:
  const RunOptions& options_;
  Store store_;
  typename Store::Pairs pairs_;
};

/// The same where an adapter stands in θ's place, and there is none below it.
class NoTaskAdapters {
 public:
  explicit NoTaskAdapters(std::size_t tasks) : pairs_(tasks) {}
  [[nodiscard]] std::vector<AdapterPair<NoAdapter>>& pairs() { return pairs_; }
  template <class Solver>
  void prepare(Solver& /*solver*/) const {}
  template <class Solver>
  void save(Solver& /*solver*/, checkpoint::RunState& /*out*/) const {}
  template <class Solver>
  void load(Solver& /*solver*/, const checkpoint::RunState& /*in*/) const {}

 private:
  std::vector<AdapterPair<NoAdapter>> pairs_;
};

}  // namespace zofo::llm
