/// @file The adapters that a solver trains.
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

/// The pairs of adapters of all tasks of a solver; the least recently used ones may be on disk
/// (AdapterStore). Borrows the device and the options.
template <class Device>
class TaskAdapters {
 public:
  using Store = AdapterStore<Device>;  ///< memory and disk

  /// Makes empty pairs; prepare() fills them.
  TaskAdapters(Device& device, const RunOptions& options, AdapterStoreOptions store)
      : options_(options), store_(device, std::move(store)), pairs_(store_.empty_pairs()) {}

  /// Of the tasks.
  [[nodiscard]] typename Store::Pairs& pairs() { return pairs_; }
  /// Brings the adapters of the solver's next step into memory, and resets them where the options do so. With
  /// variance reduction a step may use those of all tasks.
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
  /// Adds the adapters to a saved state.
  template <class Solver>
  void save(Solver& solver, checkpoint::RunState& out) {
    store_.save(pairs_, solver.state().tasks, out);
  }
  /// Loads the adapters of a saved state. Throws Error naming what does not fit.
  template <class Solver>
  void load(Solver& solver, const checkpoint::RunState& in) {
    store_.load(in, pairs_, solver.state().tasks);
  }
  /// A copy of p or s of a task on the host; of the shared pair where there is one.
  [[nodiscard]] Eigen::VectorXf adapter(std::size_t task, Level level) const {
    return store_.adapter(pairs_.size() == 1 ? 0 : task, level, pairs_);
  }

 private:
  const RunOptions& options_;
  Store store_;
  typename Store::Pairs pairs_;
};

/// The same where an adapter takes the place of θ and has no adapters itself.
class NoTaskAdapters {
 public:
  /// For so many tasks.
  explicit NoTaskAdapters(std::size_t tasks) : pairs_(tasks) {}
  /// A pair without coordinates for each task.
  [[nodiscard]] std::vector<AdapterPair<NoAdapter>>& pairs() { return pairs_; }
  /// Does nothing.
  template <class Solver>
  void prepare(Solver& /*solver*/) const {}
  /// Does nothing.
  template <class Solver>
  void save(Solver& /*solver*/, checkpoint::RunState& /*out*/) const {}
  /// Does nothing.
  template <class Solver>
  void load(Solver& /*solver*/, const checkpoint::RunState& /*in*/) const {}

 private:
  std::vector<AdapterPair<NoAdapter>> pairs_;
};

}  // namespace zofo::llm
