/// @file Inner steps side by side, of one task or several, the gradients of all their adapters in one call.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "zofo/bilevel/inner_round.hpp"
#include "zofo/bilevel/joint_tasks.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/inner/sgd.hpp"

namespace zofo {

/// Solvers that take one gradient a step, at x itself, so that it may be computed before the step.
template <class Inner>
inline constexpr bool takes_gradient_at_x =
    std::same_as<Inner, inner::Adam> || std::same_as<Inner, inner::Sgd> ||
    std::same_as<Inner, inner::GradientDescent>;

/// Takes the same inner steps as InnerRound for each of its tasks; step t of all of them is one call of
/// Task::joint_gradients. Every adapter is moved by its own gradient, with a state of its own.
template <class Task, class Inner>
class JointInnerRound {
 public:
  static_assert(HasJointGradients<Task> && takes_gradient_at_x<Inner>,
                "zofo: tasks that take their inner steps together need joint_gradients(theta, parts) "
                "(concept HasJointGradients), and an inner solver that asks for the gradient at x alone");
  using Theta = typename Task::Theta;
  using P = typename Task::Lower;
  using States = InnerStates<Inner, P>;

  /// A task of this round.
  struct Member {
    Task* task;
    P* p;
    P* s;
    States* states;
    std::uint64_t seed;  ///< of its samples
    InnerProgress on_s = {}, on_p = {};
  };

  /// Moves the members' adapters; the report gets the means of what their steps said. Throws Error when a
  /// value is not finite.
  void run(const InnerRound<Task, Inner>& round, std::span<Member> members, const Theta& theta,
           const BilevelOptions& options, StepReport& report) {
    for (std::uint32_t t = 0; t < options.inner_steps; ++t) {
      list(members, t, options, report.step);
      if (parts_.empty()) break;
      Task::joint_gradients(theta, std::span(parts_));
      for (std::size_t i = 0; i < parts_.size(); ++i) {
        Member& member = *of_[i];
        const bool on_s = parts_[i].x == member.s;
        P& x = on_s ? *member.s : *member.p;
        auto& state = on_s ? member.states->lower : member.states->upper;
        const Inner& solver = on_s ? round.lower() : round.upper();
        Computed objective{parts_[i]};
        InnerProgress& progress = on_s ? member.on_s : member.on_p;
        progress.note(solver.step(objective, x, state), on_s ? "s" : "p", t, options, report.step);
      }
    }
    write(members, options, report);
  }

 private:
  // The gradient is where the solver looks for it already.
  struct Computed {
    const JointGradient<Task>& part;
    double value_and_gradient(const P& x, P& gradient) const {
      require(&x == part.x && &gradient == part.gradient,
              "inner solver: it asks for another gradient than that at x");
      return part.value;
    }
  };

  void list(std::span<Member> members, std::uint32_t t, const BilevelOptions& options, std::uint32_t step) {
    parts_.clear();
    of_.clear();
    for (Member& member : members) {
      const InnerKey key{options, member.seed, step};
      if (options.train_lower && !member.on_s.converged)
        add(member, *member.s, member.states->lower, 0.0, 1.0, {{}, key.sample(kInnerLower, t)});
      if (options.train_upper && !member.on_p.converged && key.upper_is_due(t))
        add(member, *member.p, member.states->upper, 1.0, options.penalty.at(step), key.pair(t));
    }
  }
  template <class State>
  void add(Member& member, const P& x, State& state, double upper, double lower, SamplePair samples) {
    P& gradient = inner::scratch_like(x, state.gradient);
    parts_.push_back({member.task, &x, upper, lower, samples, &gradient});
    of_.push_back(&member);
  }

  static void write(std::span<const Member> members, const BilevelOptions& options, StepReport& report) {
    const auto mean = [&](auto&& field) {
      double sum = 0.0;
      for (const Member& member : members) sum += field(member);
      return sum / static_cast<double>(members.size());
    };
    report.inner_value_s = mean([](const Member& m) { return m.on_s.value; });
    report.inner_value_p = mean([](const Member& m) { return m.on_p.value; });
    report.inner_gradient_s = mean([](const Member& m) { return m.on_s.gradient_norm; });
    report.inner_gradient_p = mean([](const Member& m) { return m.on_p.gradient_norm; });
    report.inner_converged = options.train_lower || options.train_upper;
    for (const Member& m : members)
      report.inner_converged = report.inner_converged && (!options.train_lower || m.on_s.converged) &&
                               (!options.train_upper || m.on_p.converged);
  }

  std::vector<JointGradient<Task>> parts_;
  std::vector<Member*> of_;
};

/// True where the inner steps of these tasks can be taken together.
template <class Task, class Inner>
inline constexpr bool takes_joint_rounds = HasJointGradients<Task>&& takes_gradient_at_x<Inner>;

/// Stands where there can be no JointInnerRound.
struct NoJointRound {};

/// A JointInnerRound where the tasks and the inner solver allow one.
template <class Task, class Inner>
using JointRoundOf =
    std::conditional_t<takes_joint_rounds<Task, Inner>, JointInnerRound<Task, Inner>, NoJointRound>;

}  // namespace zofo
