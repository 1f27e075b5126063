/// @file Concepts of problems: min over θ of F(θ, p*(θ)) with p*(θ) = argmin over p of G(θ, p).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "zofo/core/direction.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/requests.hpp"
#include "zofo/core/vector_space.hpp"

namespace zofo {

/// Losses of one task at one probe; the penalty's value there is upper + λ (lower_p − lower_s).
struct PenaltyTerms {
  double upper = 0.0;    ///< F(·, p)
  double lower_p = 0.0;  ///< G(·, p)
  double lower_s = 0.0;  ///< G(·, s)
  /// Value of L_λ.
  [[nodiscard]] double value(double penalty) const { return upper + penalty * (lower_p - lower_s); }
};

/// The perturbation distribution of calls whose probes all have scale 0, that is, are θ itself.
struct NoPerturbation {
  /// Does nothing.
  template <class Theta>
  void add(Theta& /*theta*/, Direction /*direction*/, double /*a*/) const {}
};

/// Declares its types: `Theta` of the backbone, `Adapter` of p and s.
template <class B>
concept HasProblemTypes = requires {
  typename B::Theta;
  typename B::Adapter;
} && VectorSpace<typename B::Adapter>;

/// A problem of one task or many, evaluated by batched requests:
///   num_tasks()                                       tasks are numbered from 0
///   losses(theta, perturbation, probes, requests, out)  out[i · requests + j]: request j at probe i
///   gradients(theta, requests)                        writes each request's gradient and value
/// θ is never modified. `D` is the perturbation distribution of the probes.
template <class B, class D = NoPerturbation>
concept BilevelProblem =
    HasProblemTypes<B> &&
    requires(B& problem, const typename B::Theta& theta, const D& perturbation, std::span<const Probe> probes,
             std::span<const LossRequest<typename B::Adapter>> losses,
             std::span<GradientRequest<typename B::Adapter>> gradients, std::span<double> out) {
      { problem.num_tasks() } -> std::convertible_to<std::size_t>;
      problem.losses(theta, perturbation, probes, losses, out);
      problem.gradients(theta, gradients);
    };

/// F and its gradient in p: `upper(θ, p, batch)`, `upper_gradient(θ, p, batch, g) -> value`.
template <class B>
concept HasUpper = requires(B& b, const typename B::Theta& theta, const typename B::Adapter& p,
                            typename B::Adapter& g, BatchKey batch) {
  { b.upper(theta, p, batch) } -> std::convertible_to<double>;
  { b.upper_gradient(theta, p, batch, g) } -> std::convertible_to<double>;
};

/// G and its gradient in p: `lower(θ, p, batch)`, `lower_gradient(θ, p, batch, g) -> value`.
template <class B>
concept HasLower = requires(B& b, const typename B::Theta& theta, const typename B::Adapter& p,
                            typename B::Adapter& g, BatchKey batch) {
  { b.lower(theta, p, batch) } -> std::convertible_to<double>;
  { b.lower_gradient(theta, p, batch, g) } -> std::convertible_to<double>;
};

/// One task given by four functions; SimpleProblem makes a BilevelProblem from one or from a list of them.
template <class B>
concept FourFunctions = HasProblemTypes<B> && HasUpper<B> && HasLower<B>;

/// Optional, used by inner::Exact and by check_problem: closed forms s*(θ) = p*(θ) and
/// p_λ(θ) = argmin_p (F + λG)(θ, p).
template <class B>
concept HasExactInner = requires(const B& b, const typename B::Theta& theta, double penalty) {
  { b.lower_solution(theta) } -> std::convertible_to<typename B::Adapter>;
  { b.penalty_solution(theta, penalty) } -> std::convertible_to<typename B::Adapter>;
};

/// The same for a problem with many tasks: `minimiser(θ, task, level, λ, out)` writes s*(θ) or p_λ(θ) of the
/// task.
template <class B>
concept HasMinimisers = requires(B& b, const typename B::Theta& theta, typename B::Adapter& out) {
  b.minimiser(theta, std::uint32_t{0}, Level::upper, 1.0, out);
};

/// Optional, used by the solver to check shapes before its first step, and by reference(): a point where a
/// run may start, `start()` with members `theta`, `p` and `s`.
template <class B>
concept HasStart = requires(const B& b) {
  { b.start().theta } -> std::convertible_to<typename B::Theta>;
  { b.start().p } -> std::convertible_to<typename B::Adapter>;
};

/// Closed forms φ(θ) = F(θ, p*(θ)) and ∇φ(θ), which solvers do not use.
template <class B>
concept HasHypergradient = requires(const B& b, const typename B::Theta& theta) {
  { b.phi(theta) } -> std::convertible_to<double>;
  { b.phi_gradient(theta) } -> std::convertible_to<typename B::Theta>;
};

}  // namespace zofo
