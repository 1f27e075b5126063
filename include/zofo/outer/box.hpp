/// @file A box: every weight between two bounds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "zofo/core/error.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo::outer {

/// {θ : low ≤ θ_i ≤ high}; an infinite bound is none.
struct Box {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();

  /// Throws Error naming the field out of range.
  void check() const {
    require(!std::isnan(low), "low = {}: must be a number", low);
    require(high >= low, "high = {}: must be at least low = {}", high, low);
  }
  /// θ_i ← the nearest number in [low, high].
  template <HasTensors Theta>
  void project(Theta& theta) const {
    for_each_tensor(theta, [this](std::uint32_t /*tensor*/, auto* x, std::size_t n) { clamp(x, n); });
  }

 private:
  template <class T>
  void clamp(T* x, std::size_t n) const {
    const T bottom = static_cast<T>(low), top = static_cast<T>(high);
    detail::for_each_chunk(n, [&](std::size_t first, std::size_t size) {
      for (std::size_t i = first; i < first + size; ++i) x[i] = std::clamp(x[i], bottom, top);
    });
  }
};

}  // namespace zofo::outer
