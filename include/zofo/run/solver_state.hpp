/// @file A solver's state, and the adapters that it moves, as a saved state and back.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "zofo/bilevel/single_level.hpp"
#include "zofo/checkpoint/run_state.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/zo_gradient.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/runtime/any_estimator.hpp"

namespace zofo::llm {

/// Terms of an estimate as JSON; doubles keep their bits.
inline nlohmann::json to_json(const ZoGradient& gradient) {
  nlohmann::json list = nlohmann::json::array();
  for (const ZoTerm& t : gradient.terms)
    list.push_back({t.direction.seed, t.direction.step, t.direction.query, t.coefficient});
  return list;
}
inline ZoGradient gradient_from(const nlohmann::json& list) {
  ZoGradient gradient;
  for (const nlohmann::json& t : list)
    gradient.terms.push_back(
        {{t.at(0).get<std::uint64_t>(), t.at(1).get<std::uint32_t>(), t.at(2).get<std::uint32_t>()},
         t.at(3).get<double>()});
  return gradient;
}

/// What a reduction remembers, beside the anchor.
inline nlohmann::json to_json(const AnyReduction::State& state) {
  nlohmann::json out = {{"kind", state.own.index()}};
  if (state.anchor) out["anchor"] = *state.anchor;
  if (const auto* svrg = std::get_if<AnyReduction::Svrg::State>(&state.own))
    out.update({{"terms", to_json(svrg->full)}, {"batches", svrg->batches}, {"begun", svrg->anchored}});
  if (const auto* spider = std::get_if<AnyReduction::Spider::State>(&state.own))
    out.update({{"terms", to_json(spider->running)}, {"batches", spider->batches}, {"begun", spider->begun}});
  if (const auto* storm = std::get_if<AnyReduction::Storm::State>(&state.own))
    out.update({{"terms", to_json(storm->running)}, {"sizes", storm->sizes}});
  return out;
}
inline AnyReduction::State reduction_from(const nlohmann::json& in) {
  AnyReduction::State state;
  if (in.contains("anchor")) state.anchor = in.at("anchor").get<std::uint32_t>();
  const auto kind = in.at("kind").get<std::size_t>();
  const auto common = [&in](ZoGradient& terms, std::uint32_t& batches, bool& begun) {
    terms = gradient_from(in.at("terms"));
    batches = in.at("batches").get<std::uint32_t>();
    begun = in.at("begun").get<bool>();
  };
  if (kind == 1) {
    auto& own = state.own.emplace<AnyReduction::Svrg::State>();
    common(own.full, own.batches, own.anchored);
  } else if (kind == 2) {
    auto& own = state.own.emplace<AnyReduction::Spider::State>();
    common(own.running, own.batches, own.begun);
  } else if (kind == 3) {
    auto& own = state.own.emplace<AnyReduction::Storm::State>();
    own.running = gradient_from(in.at("terms"));
    own.sizes = in.at("sizes").get<std::vector<std::size_t>>();
  }
  return state;
}

/// Writes vectors of a device to a saved state and reads them back; those of no coordinates are left out.
template <class Device>
struct SavedVectors {
  Device& device;

  template <class V>
  void save(checkpoint::RunState& out, const std::string& name, const V& x) const {
    if constexpr (!std::is_same_v<V, NoAdapter>) out.vectors[name] = device.host(x);
  }
  template <class V>
  void save(checkpoint::RunState& out, const std::string& name, const std::optional<V>& x) const {
    if (x) save(out, name, *x);
  }
  /// Throws Error unless the saved vector is as long as x.
  template <class V>
  void load(const checkpoint::RunState& in, const std::string& name, V& x) const {
    if constexpr (!std::is_same_v<V, NoAdapter>) {
      const Eigen::VectorXf* saved = in.vector(name);
      require(saved != nullptr && saved->size() == static_cast<Eigen::Index>(x.size()),
              "saved state: vector '{}': must have {} numbers", name, x.size());
      x = device.vector(*saved);
    }
  }
  /// Stays empty where none was saved; else as long as `like`.
  template <class V>
  void load(const checkpoint::RunState& in, const std::string& name, const V& like,
            std::optional<V>& x) const {
    if constexpr (std::is_same_v<V, NoAdapter>) {
      x.emplace();
    } else {
      if (in.vector(name) == nullptr) return;
      x.emplace(like);
      load(in, name, *x);
    }
  }

  /// Adam's moments; other optimisers here have nothing to remember.
  template <class P>
  void save(checkpoint::RunState& out, const std::string& name, const inner::Adam::State<P>& adam) const {
    out.numbers[name + ".steps"] = adam.steps;
    save(out, name + ".first", adam.first);
    save(out, name + ".second", adam.second);
  }
  template <class P>
  void load(const checkpoint::RunState& in, const std::string& name, const P& like,
            inner::Adam::State<P>& adam) const {
    adam.steps = in.number<std::uint64_t>((name + ".steps").c_str());
    load(in, name + ".first", like, adam.first);
    load(in, name + ".second", like, adam.second);
  }
};

/// All of a solver's state but θ, the outer optimiser's and the anchor's θ̃, which the trajectory says.
template <class Device, class State, class P>
void save_solver(Device& device, const State& state, const P& p, const P& s, checkpoint::RunState& out) {
  const SavedVectors<Device> vectors{device};
  vectors.save(out, "p", p);
  vectors.save(out, "s", s);
  if constexpr (!std::is_same_v<P, NoAdapter>) {
    vectors.save(out, "adam_s", state.inner.lower);
    vectors.save(out, "adam_p", state.inner.upper);
  }
  out.numbers["reduction"] = to_json(state.reduction.remembered);
  out.numbers["anchor_penalty"] = state.reduction.penalty;
  vectors.save(out, "anchor_p", state.reduction.p);
  vectors.save(out, "anchor_s", state.reduction.s);
}
/// Throws Error naming what is missing or of another size.
template <class Device, class State, class P>
void load_solver(Device& device, const checkpoint::RunState& in, State& state, P& p, P& s) {
  const SavedVectors<Device> vectors{device};
  vectors.load(in, "p", p);
  vectors.load(in, "s", s);
  if constexpr (!std::is_same_v<P, NoAdapter>) {
    vectors.load(in, "adam_s", s, state.inner.lower);
    vectors.load(in, "adam_p", p, state.inner.upper);
  }
  try {
    state.reduction.remembered = reduction_from(in.number<nlohmann::json>("reduction"));
  } catch (const nlohmann::json::exception& error) {
    fail("saved state: reduction: {}", error.what());
  }
  state.reduction.penalty = in.number<double>("anchor_penalty");
  if (!state.reduction.remembered.anchor) return;
  vectors.load(in, "anchor_p", p, state.reduction.p);
  vectors.load(in, "anchor_s", s, state.reduction.s);
}

}  // namespace zofo::llm
