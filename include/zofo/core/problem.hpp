/// @file Concepts of problems (DESIGN.md §3).
#pragma once

#include <concepts>
#include <span>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/core/sample.hpp"
#include "zofo/core/vector_space.hpp"

namespace zofo {

/// The three losses of a probe; the penalty's value there is upper + λ (lower_p − lower_s).
struct PenaltyTerms {
  double upper = 0.0;    ///< F(·, p)
  double lower_p = 0.0;  ///< G(·, p)
  double lower_s = 0.0;  ///< G(·, s)
  /// Value of L_λ.
  [[nodiscard]] double value(double penalty) const { return upper + penalty * (lower_p - lower_s); }
};

/// Values at many probes of θ on one sample.
template <class F, class Theta>
concept OuterObjective = requires(F& f, const Theta& theta, std::span<const Probe> probes, Sample sample) {
  { f.evaluate(theta, probes, sample) } -> std::same_as<std::vector<double>>;
};

/// Value at x, and the gradient written over `gradient` (which has x's shape).
template <class G, class P>
concept InnerObjective = requires(G& g, const P& x, P& gradient) {
  { g.value_and_gradient(x, gradient) } -> std::convertible_to<double>;
};

/// Names its types: `Theta` of the backbone and `Lower` of both adapters p and s.
template <class B>
concept NamesItsTypes = requires {
  typename B::Theta;
  typename B::Lower;
}
&&VectorSpace<typename B::Lower>;

/// F and its gradient in p: `upper(θ, p, sample)`, `upper_gradient(θ, p, sample, g) -> value`.
template <class B>
concept HasUpper = requires(B& b, const typename B::Theta& theta, const typename B::Lower& p,
                            typename B::Lower& g, Sample sample) {
  { b.upper(theta, p, sample) } -> std::convertible_to<double>;
  { b.upper_gradient(theta, p, sample, g) } -> std::convertible_to<double>;
};

/// G and its gradient in p: `lower(θ, p, sample)`, `lower_gradient(θ, p, sample, g) -> value`.
template <class B>
concept HasLower = requires(B& b, const typename B::Theta& theta, const typename B::Lower& p,
                            typename B::Lower& g, Sample sample) {
  { b.lower(theta, p, sample) } -> std::convertible_to<double>;
  { b.lower_gradient(theta, p, sample, g) } -> std::convertible_to<double>;
};

/// min_θ F(θ, p*(θ)) with p*(θ) = argmin_p G(θ, p).
template <class B>
concept BilevelProblem = NamesItsTypes<B> && HasUpper<B> && HasLower<B>;

/// Optional: F(·,p), G(·,p), G(·,s) of all probes in one call, θ unchanged.
template <class B, class Law>
concept HasPenaltyTerms = requires(B& b, const typename B::Theta& theta, const Law& law,
                                   std::span<const Probe> probes, const typename B::Lower& p,
                                   const typename B::Lower& s, Sample upper, Sample lower) {
  { b.penalty_terms(theta, law, probes, p, s, upper, lower) } -> std::same_as<std::vector<PenaltyTerms>>;
};

/// Optional: F(·,p) of all probes in one call, θ unchanged; all that is needed when λ = 0 (MeZO).
template <class B, class Law>
concept HasUpperValues = requires(B& b, const typename B::Theta& theta, const Law& law,
                                  std::span<const Probe> probes, const typename B::Lower& p, Sample upper) {
  { b.upper_values(theta, law, probes, p, upper) } -> std::same_as<std::vector<double>>;
};

/// Optional: value and p-gradient of F + λG in one pass.
template <class B>
concept HasPenaltyGradient = requires(B& b, const typename B::Theta& theta, const typename B::Lower& p,
                                      double penalty, Sample upper, Sample lower, typename B::Lower& g) {
  { b.penalty_gradient(theta, p, penalty, upper, lower, g) } -> std::convertible_to<double>;
};

/// Closed forms s*(θ) = p*(θ) and p_λ(θ) = argmin_p (F + λG)(θ, p).
template <class B>
concept HasExactInner = requires(const B& b, const typename B::Theta& theta, double penalty) {
  { b.lower_solution(theta) } -> std::convertible_to<typename B::Lower>;
  { b.penalty_solution(theta, penalty) } -> std::convertible_to<typename B::Lower>;
};

/// Closed forms φ(θ) = F(θ, p*(θ)) and ∇φ(θ).
template <class B>
concept HasHypergradient = requires(const B& b, const typename B::Theta& theta) {
  { b.phi(theta) } -> std::convertible_to<double>;
  { b.phi_gradient(theta) } -> std::convertible_to<typename B::Theta>;
};

}  // namespace zofo
