/// @file A ball: θ within a distance of a centre.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/outer/stored_tensors.hpp"
#include "zofo/perturb/parallel_for.hpp"

namespace zofo::outer {

/// {θ : ‖θ − centre‖ ≤ radius}, the norm over all tensors together; the centre is 0 or a copy of a given θ.
class Ball {
 public:
  /// The ball around 0; `radius` is in θ's units.
  explicit Ball(double radius) : radius_(radius) {}
  /// The ball around a copy of θ.
  template <class Theta>
  [[nodiscard]] static Ball around(const Theta& theta, double radius) {
    Ball ball(radius);
    ball.centred_ = true;
    ball.centre_ = StoredTensors(theta);
    return ball;
  }

  /// Throws Error naming the field out of range.
  void check() const { require_in("radius", radius_, 0.0, 1e300); }

  /// Throws Error when the centre has another shape or precision than θ.
  template <HasTensors Theta>
  void require_fits(const Theta& theta) const {
    if (centred_) centre_.require_fits(theta, "ball", "centre");
  }

  /// θ ← centre + min(1, radius/‖θ − centre‖)(θ − centre). Throws Error, without a change of θ, when the
  /// centre has another shape or the distance is not finite.
  template <HasTensors Theta>
  void project(Theta& theta) const {
    require_fits(theta);
    double square = 0.0;
    with_centre(theta, [&](const auto* c, auto* x, std::size_t n) { square += square_distance(c, x, n); });
    const double distance = std::sqrt(square);
    require(std::isfinite(distance), "ball: the distance from the centre is {}: must be finite", distance);
    if (distance <= radius_) return;
    with_centre(theta, [&](const auto* c, auto* x, std::size_t n) { shrink(c, x, n, radius_ / distance); });
  }

 private:
  // Calls use(centre or nullptr, data, size) on every tensor.
  template <class Theta, class Use>
  void with_centre(Theta& theta, const Use& use) const {
    std::size_t index = 0;
    for_each_tensor(theta, [&]<class T>(std::uint32_t /*tensor*/, T* x, std::size_t n) {
      const T* c = centred_ ? centre_.template data<T>(index++) : nullptr;
      use(c, x, n);
    });
  }
  // The slices do not depend on the number of threads, so the sum has the same bits for any number.
  template <class T>
  static double square_distance(const T* c, const T* x, std::size_t n) {
    constexpr std::size_t slices = 64;
    std::array<double, slices> sums{};
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (n > kChunk)
#endif
    for (std::size_t s = 0; s < slices; ++s) {
      double sum = 0.0;
      for (std::size_t i = n * s / slices; i < n * (s + 1) / slices; ++i) {
        const double d = static_cast<double>(x[i]) - (c != nullptr ? static_cast<double>(c[i]) : 0.0);
        sum += d * d;
      }
      sums[s] = sum;
    }
    double total = 0.0;
    for (const double sum : sums) total += sum;
    return total;
  }
  template <class T>
  static void shrink(const T* c, T* x, std::size_t n, double share) {
    for_each_chunk(n, [&](std::size_t first, std::size_t size) {
      for (std::size_t i = first; i < first + size; ++i) {
        const double centre = c != nullptr ? static_cast<double>(c[i]) : 0.0;
        x[i] = static_cast<T>(centre + share * (static_cast<double>(x[i]) - centre));
      }
    });
  }

  double radius_;
  bool centred_ = false;
  StoredTensors centre_;
};

}  // namespace zofo::outer
