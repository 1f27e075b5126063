/// @file Saves and loads a solver's state, the adapters and θ, so that a run resumes to the bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "zofo/bilevel/solver.hpp"
#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/archive.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"

namespace zofo {

namespace detail {

inline constexpr std::string_view solver_kind = "zofo solver";

// The compiler's name of a type identifies the policies of a file; g++ and clang++ agree on it.
template <class T>
[[nodiscard]] std::string type_name() {
  return typeid(T).name();
}

template <class S>
struct SolverTypes;
template <class Problem, class D, class E, class O, class I>
struct SolverTypes<Solver<Problem, D, E, O, I>> {
  using Estimator = E;
  static std::string names() {
    return type_name<D>() + ", " + type_name<E>() + ", " + type_name<O>() + ", " + type_name<I>();
  }
};

// The caller's adapters as a list, of one task or many.
template <class P>
[[nodiscard]] std::span<const AdapterPair<P>> pairs(const AdapterPair<P>& one) {
  return {&one, 1};
}
template <class P>
[[nodiscard]] std::span<const AdapterPair<P>> pairs(std::span<const AdapterPair<P>> many) {
  return many;
}
template <class P>
[[nodiscard]] std::span<const AdapterPair<P>> pairs(std::span<AdapterPair<P>> many) {
  return many;
}
template <class P>
[[nodiscard]] std::span<const AdapterPair<P>> pairs(const std::vector<AdapterPair<P>>& many) {
  return many;
}

template <class S>
void write_solver(const S& solver, const typename S::Theta* theta,
                  std::span<const AdapterPair<typename S::P>> adapters, const std::filesystem::path& path) {
  const typename S::State& state = solver.state();
  require(adapters.size() == state.tasks.size(), "adapters: {} pairs for {} tasks", adapters.size(),
          state.tasks.size());
  ArchiveWriter archive;
  archive(SolverTypes<S>::names(), std::uint64_t{adapters.size()}, theta != nullptr, state.step,
          state.evaluations);
  if (theta != nullptr) archive(*theta);
  for (const auto& pair : adapters) archive(pair);
  for (const auto& task : state.tasks) archive(task);
  archive(state.estimator, state.perturbation, state.outer);
  archive(state.anchor.theta, state.anchor.penalty, std::uint64_t{state.anchor.adapters.size()});
  for (const auto& pair : state.anchor.adapters) archive(pair);
  write_archive(path, solver_kind, archive);
}

// The contents of a file, read completely before the caller's objects are changed.
template <class S>
struct LoadedSolver {
  Memory<typename S::Theta> theta;
  std::vector<AdapterPair<Memory<typename S::P>>> adapters;
  typename S::State state;
};

template <class V>
void read_shaped(ArchiveReader& reader, const V& like, Memory<V>& value) {
  remember(like, value);
  if constexpr (View<V>) {
    Owned<V> numbers;
    reader(numbers);
    if constexpr (NumberRange<V>) {
      if (numbers.size() != like.size()) reader.broken("{} numbers: must be {}", numbers.size(), like.size());
    } else if (numbers.rows() != like.rows() || numbers.cols() != like.cols()) {
      reader.broken("{} x {} numbers: must be {} x {}", numbers.rows(), numbers.cols(), like.rows(),
                    like.cols());
    }
    value.emplace(std::move(numbers));
  } else {
    reader(*value);
    if constexpr (EigenPlain<V>) {
      if (value->rows() != like.rows() || value->cols() != like.cols())
        reader.broken("{} x {} numbers: must be {} x {}", value->rows(), value->cols(), like.rows(),
                      like.cols());
    } else if constexpr (NumberRange<V>) {
      if (value->size() != like.size()) reader.broken("{} numbers: must be {}", value->size(), like.size());
    }
  }
}

template <class S>
void read_solver(ArchiveReader& reader, const typename S::Theta& theta, bool with_theta,
                 std::span<const AdapterPair<typename S::P>> adapters, LoadedSolver<S>& loaded) {
  reader.shape_from(theta);
  reader.part("policies");
  std::string names;
  reader(names);
  if (names != SolverTypes<S>::names())
    reader.broken("saved with the policies {}: this solver has {}", names, SolverTypes<S>::names());
  reader.part("header");
  std::uint64_t tasks = 0;
  bool has_theta = false;
  reader(tasks, has_theta, loaded.state.step, loaded.state.evaluations);
  if (tasks != adapters.size()) reader.broken("{} tasks: must be {}", tasks, adapters.size());
  if (has_theta && !with_theta) reader.broken("contains theta: use load(solver, theta, adapters, path)");
  if (!has_theta && with_theta)
    reader.broken("contains no theta: use load_without_theta(solver, theta, adapters, path)");
  reader.part("theta");
  if (has_theta) read_shaped(reader, theta, loaded.theta);
  loaded.adapters.resize(adapters.size());
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    reader.part(fmt::format("adapters of task {}", i));
    read_shaped(reader, adapters[i].upper, loaded.adapters[i].upper);
    read_shaped(reader, adapters[i].lower, loaded.adapters[i].lower);
  }
  loaded.state.tasks.resize(adapters.size());
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    reader.part(fmt::format("inner optimizers of task {}", i));
    reader.shape_from(adapters[i].upper)(loaded.state.tasks[i]);
  }
  reader.part("estimator")(loaded.state.estimator);
  reader.part("perturbation")(loaded.state.perturbation);
  reader.part("outer optimizer")(loaded.state.outer);
  reader.part("anchor");
  std::uint64_t anchored = 0;
  reader(loaded.state.anchor.theta, loaded.state.anchor.penalty, anchored);
  if (anchored != 0 && anchored != adapters.size())
    reader.broken("adapters of {} tasks: must be {}", anchored, adapters.size());
  loaded.state.anchor.adapters.resize(static_cast<std::size_t>(anchored));
  for (std::size_t i = 0; i < anchored; ++i)
    reader.shape_from(adapters[i].upper)(loaded.state.anchor.adapters[i]);
  reader.finish();
}

template <class S>
void load_solver(S& solver, typename S::Theta& theta, bool with_theta,
                 std::span<AdapterPair<typename S::P>> adapters, const std::filesystem::path& path) {
  require(adapters.size() == solver.state().tasks.size(), "adapters: {} pairs for {} tasks", adapters.size(),
          solver.state().tasks.size());
  const ArchiveFile file(path, solver_kind);
  ArchiveReader reader = file.reader();
  LoadedSolver<S> loaded;
  read_solver<S>(reader, theta, with_theta, adapters, loaded);
  if (with_theta) bring_back(loaded.theta, theta);
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    bring_back(loaded.adapters[i].upper, adapters[i].upper);
    bring_back(loaded.adapters[i].lower, adapters[i].lower);
  }
  solver.state() = std::move(loaded.state);
}

template <class T>
concept IsSolver = requires { typename SolverTypes<std::remove_cvref_t<T>>::Estimator; };

}  // namespace detail

/// Writes a solver's state (step, inner optimisers of the tasks, estimator or variance reduction with its
/// anchor, perturbation, outer optimiser, evaluation counts), θ and the adapters, one pair or a list. The
/// file is replaced atomically. Options and policies are not saved: construct the solver with the same ones
/// before loading. Throws Error when the file cannot be written. States need fields() (concept HasFields).
template <detail::IsSolver S, class Adapters>
void save(const S& solver, const typename S::Theta& theta, const Adapters& adapters,
          const std::filesystem::path& path) {
  detail::write_solver(solver, &theta, detail::pairs(adapters), path);
}
/// The same without θ, for a θ that is recomputed from a trajectory (replay) or stored in another file.
template <detail::IsSolver S, class Adapters>
void save_without_theta(const S& solver, const Adapters& adapters, const std::filesystem::path& path) {
  detail::write_solver(solver, static_cast<const typename S::Theta*>(nullptr), detail::pairs(adapters), path);
}

/// Reads a file of `save` into a solver of the same problem, options and policies, and into θ and adapters of
/// the saved shapes. A run that resumes from it equals an uninterrupted run to the bit. Throws Error naming
/// the file, the byte and the part when the file is damaged, or has other policies, another number of tasks
/// or other shapes; the solver, θ and the adapters are then unchanged.
template <detail::IsSolver S>
void load(S& solver, typename S::Theta& theta, std::span<AdapterPair<typename S::P>> adapters,
          const std::filesystem::path& path) {
  detail::load_solver(solver, theta, true, adapters, path);
}
/// The same for a vector of pairs.
template <detail::IsSolver S>
void load(S& solver, typename S::Theta& theta, std::vector<AdapterPair<typename S::P>>& adapters,
          const std::filesystem::path& path) {
  detail::load_solver(solver, theta, true, std::span(adapters), path);
}
/// The same for a problem of one task.
template <detail::IsSolver S>
void load(S& solver, typename S::Theta& theta, AdapterPair<typename S::P>& adapters,
          const std::filesystem::path& path) {
  detail::load_solver(solver, theta, true, std::span(&adapters, 1), path);
}
/// Reads a file of `save_without_theta`. θ only provides the shape and is not changed. Throws as load().
template <detail::IsSolver S>
void load_without_theta(S& solver, const typename S::Theta& theta,
                        std::span<AdapterPair<typename S::P>> adapters, const std::filesystem::path& path) {
  detail::load_solver(solver, const_cast<typename S::Theta&>(theta), false, adapters, path);
}
/// The same for a vector of pairs.
template <detail::IsSolver S>
void load_without_theta(S& solver, const typename S::Theta& theta,
                        std::vector<AdapterPair<typename S::P>>& adapters,
                        const std::filesystem::path& path) {
  load_without_theta(solver, theta, std::span(adapters), path);
}
/// The same for a problem of one task.
template <detail::IsSolver S>
void load_without_theta(S& solver, const typename S::Theta& theta, AdapterPair<typename S::P>& adapters,
                        const std::filesystem::path& path) {
  load_without_theta(solver, theta, std::span(&adapters, 1), path);
}

}  // namespace zofo
