#include "zofo/run/old_states.hpp"

#include <fmt/format.h>

#include <Eigen/Core>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "zofo/bilevel/inner_round.hpp"
#include "zofo/bilevel/solution.hpp"
#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/run/run_state.hpp"
#include "zofo/run/state_archive.hpp"
#include "zofo/runtime/any_estimator.hpp"

namespace zofo::llm::old_states {

using State = checkpoint::RunState;

namespace {

// A device whose vectors are those of a saved state, on the host.
struct Host {
  struct Backend {
    using Vector = Eigen::VectorXf;
  };
  static const Eigen::VectorXf& host(const Eigen::VectorXf& x) { return x; }
  static Eigen::VectorXf vector(Eigen::VectorXf x) { return x; }
};
using Pair = AdapterPair<Eigen::VectorXf>;
using AnchorPair = AdapterPair<Memory<Eigen::VectorXf>>;

const Eigen::VectorXf& vector(const State& state, const std::string& name) {
  const Eigen::VectorXf* const x = state.vector(name);
  require(x != nullptr, "saved state: vector '{}': is missing", name);
  return *x;
}
void set_moment(const State& state, const std::string& name, Memory<Eigen::VectorXf>& moment) {
  const Eigen::VectorXf* const x = state.vector(name);
  if (x != nullptr && x->size() > 0) moment = *x;
}

// Names of the vectors of a task: p, s, the moments of s, then those of p.
using Names = std::array<std::string, 6>;

void convert_adapters(const State& old, std::size_t task, const Names& names, std::uint64_t lower_steps,
                      std::uint64_t upper_steps, State& out) {
  Pair pair{vector(old, names[0]), vector(old, names[1])};
  TaskState<inner::Adam, Eigen::VectorXf> state;
  state.lower.steps = lower_steps;
  state.upper.steps = upper_steps;
  set_moment(old, names[2], state.lower.first);
  set_moment(old, names[3], state.lower.second);
  set_moment(old, names[4], state.upper.first);
  set_moment(old, names[5], state.upper.second);
  Host host;
  save_values(host, adapters_name(task), out, pair.upper, pair.lower, state);
}

ZoGradient terms_of(const nlohmann::json& list) {
  ZoGradient gradient;
  for (const nlohmann::json& t : list)
    gradient.terms.push_back(
        {{t.at(0).get<std::uint64_t>(), t.at(1).get<std::uint32_t>(), t.at(2).get<std::uint32_t>()},
         t.at(3).get<double>()});
  return gradient;
}

// The state of a variance reduction. Old states lack the numbers of directions, which are those that the same
// reduction counts in this version.
AnyReduction::State reduction_of(const nlohmann::json& in, const RunOptions& options, std::uint32_t steps) {
  AnyReduction::State state;
  if (in.contains("anchor")) state.anchor = in.at("anchor").get<std::uint32_t>();
  const auto kind = in.at("kind").get<std::size_t>();
  const auto queries = static_cast<double>(options.num_directions);
  const auto periodic = [&](variance::PeriodicState& own) {
    own.base = terms_of(in.at("terms"));
    own.base.queries = queries;
    own.batches = in.at("batches").get<std::uint32_t>();
    own.started = in.at("begun").get<bool>();
  };
  if (kind == 1) periodic(std::get<AnyReduction::Svrg::State>(state.own));
  if (kind == 2) periodic(std::get<AnyReduction::Spider::State>(state.own));
  if (kind == 3) {
    auto& own = std::get<AnyReduction::Storm::State>(state.own);
    own.running = terms_of(in.at("terms"));
    own.sizes = in.at("sizes").get<std::vector<std::size_t>>();
    const double a = options.storm_weight, keep = 1.0 - a;
    own.squared_weights = 1.0;
    for (std::uint32_t k = 1; k < steps; ++k) own.squared_weights = keep * keep * own.squared_weights + a * a;
    own.running.queries = queries / own.squared_weights;
  }
  return state;
}

void convert_solver(const State& old, const RunOptions& options, std::vector<AnchorPair> anchor, State& out) {
  AnyReduction::State estimator =
      reduction_of(old.number<nlohmann::json>("reduction"), options, out.number<std::uint32_t>("steps"));
  EvaluationCount evaluations;
  auto penalty = old.number<double>("anchor_penalty");
  Host host;
  save_values(host, solver_name, out, estimator, evaluations, penalty, anchor);
}

void copy(const State& old, std::initializer_list<const char*> names, State& out) {
  for (const char* name : names)
    if (old.json().contains(name)) out.json()[name] = old.json().at(name);
}

// Version 1: fine-tuning.
State from_version_1(const State& old, const RunOptions& options) {
  State out;
  copy(old,
       {"options", "place", "identity", "log", "scores", "steps", "seconds", "rows", "tokens", "next_step",
        "stopping"},
       out);
  if (old.json().contains("best")) {
    nlohmann::json best = old.json().at("best");
    best["selected"] = best.at("what");
    const Eigen::VectorXf adapter = vector(old, "best");
    best["adapters"] = adapter.size() > 0 ? 1U : 0U;
    if (adapter.size() > 0) out.vectors["best 0"] = adapter;
    out.json()["best"] = best;
  }
  std::vector<AnchorPair> anchor;
  if (old.vector("p") != nullptr) {
    const Names names{"p", "s", "adam_s.first", "adam_s.second", "adam_p.first", "adam_p.second"};
    convert_adapters(old, 0, names, old.number<std::uint64_t>("adam_s.steps"),
                     old.number<std::uint64_t>("adam_p.steps"), out);
    if (old.vector("anchor_p") != nullptr)
      anchor.push_back({vector(old, "anchor_p"), vector(old, "anchor_s")});
  } else if (old.number<nlohmann::json>("reduction").contains("anchor")) {
    anchor.push_back(
        {Eigen::VectorXf(), Eigen::VectorXf()});  // of an adapter that zeroth-order updates train
  }
  convert_solver(old, options, std::move(anchor), out);
  return out;
}

// Version 2: meta-training.
State from_version_2(const State& old, const RunOptions& options) {
  State out;
  copy(old, {"options", "place", "identity", "log", "before"}, out);
  const auto counters = old.number<nlohmann::json>("tally");
  out.json()["steps"] = counters.at(0);
  out.json()["seconds"] = counters.at(1);
  out.json()["rows"] =
      static_cast<std::uint64_t>(std::llround(counters.at(2).get<double>() * options.batch_size));
  out.json()["tokens"] = counters.at(3);
  out.json()["next_step"] = {{"seconds", 0.0}, {"rows", 0}};
  for (const nlohmann::json& entry : old.number<nlohmann::json>("pairs")) {
    const auto task = entry.at(0).get<std::size_t>();
    Names names;
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = fmt::format("{}.{}", task, i);
    convert_adapters(old, task, names, entry.at(1).get<std::uint64_t>(), entry.at(2).get<std::uint64_t>(),
                     out);
  }
  std::vector<AnchorPair> anchor;
  for (std::size_t task = 0; old.vector(fmt::format("anchor_p.{}", task)) != nullptr; ++task)
    anchor.push_back(
        {vector(old, fmt::format("anchor_p.{}", task)), vector(old, fmt::format("anchor_s.{}", task))});
  convert_solver(old, options, std::move(anchor), out);
  return out;
}

}  // namespace

State converted(const State& old, int version, const RunOptions& options) {
  require(
      options.outer_optimizer != OuterKind::rms_scalar || options.variance_reduction == ReductionKind::none,
      "saved state of version {}: rms-scalar with {} counts directions differently since then: this run "
      "cannot be resumed; start a new run",
      version, options.variance_reduction);
  try {
    State out = version == 1 ? from_version_1(old, options) : from_version_2(old, options);
    out.json()["version"] = state_version;
    out.json()["command"] = to_text(options.command);
    return out;
  } catch (const nlohmann::json::exception& error) {
    fail("saved state of version {}: {}", version, error.what());
  }
}

}  // namespace zofo::llm::old_states
