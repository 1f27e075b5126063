/// @file A zeroth-order gradient estimate as a list of directions and coefficients.
#pragma once

#include <cmath>
#include <vector>

#include "zofo/core/direction.hpp"

namespace zofo {

/// One term c·z(direction).
struct ZoTerm {
  Direction direction;       ///< key of z
  double coefficient = 0.0;  ///< c
  /// Compares member by member.
  friend bool operator==(const ZoTerm&, const ZoTerm&) = default;
  /// What a saved state holds.
  template <class Archive>
  void fields(Archive& archive) {
    archive(direction, coefficient);
  }
};

/// The estimate ĝ = Σ cᵢ z(directionᵢ). Its size does not depend on the size of θ.
struct ZoGradient {
  std::vector<ZoTerm> terms;  ///< cᵢ and the key of zᵢ
  /// q, the number of independent directions that ĝ averages: an estimator's queries; under a variance
  /// reduction that of the estimate that carries the gradient (SVRG's anchor, SPIDER's last restart), or, for
  /// a weighted average Σ wₖ ĝₖ (STORM), q / Σ wₖ². 0: not set; a policy that needs it throws Error.
  double queries = 0.0;
  friend bool operator==(const ZoGradient&, const ZoGradient&) = default;
  /// What a saved state holds.
  template <class Archive>
  void fields(Archive& archive) {
    archive(terms, queries);
  }
};

/// ρ² = q Σ cᵢ², the mean over the directions of the squared projected gradient (∇f·z)²; E ρ² = ‖∇f‖² on a
/// linear function for every perturbation with E zzᵀ = I (docs/results/theory, E10).
[[nodiscard]] inline double squared_projected_gradient(const ZoGradient& gradient) {
  double sum = 0.0;
  for (const ZoTerm& term : gradient.terms) sum += term.coefficient * term.coefficient;
  return sum * gradient.queries;
}

/// ρ = √(q Σ cᵢ²), the root mean square over the directions of the projected gradient. ‖ĝ‖ is about
/// ρ √(d/q) on d coordinates.
[[nodiscard]] inline double projected_gradient(const ZoGradient& gradient) {
  return std::sqrt(squared_projected_gradient(gradient));
}

}  // namespace zofo
