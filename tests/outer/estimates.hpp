// Estimates made by hand, and what they are coordinate by coordinate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/core/random.hpp"
#include "zofo/core/zo_gradient.hpp"

namespace estimates {

// Two Gaussian terms that change from step to step.
inline zofo::ZoGradient at(std::uint32_t step) {
  return {.terms = {{{5, step, 0}, 0.5 + step}, {{5, step, 1}, -2.0}}, .queries = 2};
}

// Σ cᵢ zᵢ from the generator itself.
inline std::vector<double> dense(const zofo::ZoGradient& gradient, std::uint32_t tensor, std::size_t n) {
  std::vector<double> sum(n, 0.0), z(n);
  for (const auto& term : gradient.terms) {
    zofo::normals(term.direction, tensor, 0, z.data(), n);
    for (std::size_t i = 0; i < n; ++i) sum[i] += term.coefficient * z[i];
  }
  return sum;
}

}  // namespace estimates
