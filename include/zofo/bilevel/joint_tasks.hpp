/// @file Problems of one kind that are evaluated together: several tasks in one pass.
#pragma once

#include <concepts>
#include <span>
#include <vector>

#include "zofo/bilevel/inner_objectives.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/problem.hpp"

namespace zofo {

/// A task's adapters; p_τ is stepped on F_τ + λG_τ, s_τ on G_τ.
template <class P>
struct AdapterPair {
  P p, s;
};

/// A task's share of a joint evaluation of the penalty: its adapters and its mini-batches.
template <class Task>
struct JointPoint {
  Task* task;
  const typename Task::Lower* p;
  const typename Task::Lower* s;
  SamplePair samples;
};

/// A task's share of a joint gradient: of upper_weight · F + lower_weight · G at x, whose gradient is written
/// to `gradient` alone. A part of weight 0 is not evaluated.
template <class Task>
struct JointGradient {
  Task* task;
  const typename Task::Lower* x;
  double upper_weight, lower_weight;
  SamplePair samples;
  typename Task::Lower* gradient;
  double value = 0.0;  ///< written: the value at x
};

/// Optional: `Task::joint_terms(theta, law, probes, penalty, points)` gives each task's terms at every probe,
/// [task][probe], all tasks in one call; G may be left out where the penalty is 0.
template <class Task, class Law>
concept HasJointTerms = requires(const typename Task::Theta& theta, const Law& law,
                                 std::span<const Probe> probes, double penalty,
                                 std::span<const JointPoint<Task>> points) {
  {
    Task::joint_terms(theta, law, probes, penalty, points)
    } -> std::same_as<std::vector<std::vector<PenaltyTerms>>>;
};

/// Optional: `Task::joint_gradients(theta, parts)` gives values and gradients of several adapters in one
/// call.
template <class Task>
concept HasJointGradients = requires(const typename Task::Theta& theta,
                                     std::span<JointGradient<Task>> parts) {
  Task::joint_gradients(theta, parts);
};

}  // namespace zofo
