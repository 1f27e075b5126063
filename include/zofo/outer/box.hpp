/// @file A box: every weight between two bounds.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "zofo/core/error.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/outer/stored_tensors.hpp"
#include "zofo/perturb/parallel_for.hpp"

namespace zofo::outer {

/// One bound for all of θ, or one per coordinate.
class Bound {
 public:
  /// The same bound for every coordinate.
  Bound(double value) : value_(value) {}
  /// One bound per coordinate: a copy of an object with θ's shape (an Eigen object, a vector or span of
  /// numbers, any type with tensors).
  template <HasTensors Theta>
  Bound(const Theta& bounds) : each_(bounds), per_coordinate_(true) {}

  /// Whether there is one bound per coordinate.
  [[nodiscard]] bool per_coordinate() const { return per_coordinate_; }
  /// The bound of all coordinates.
  [[nodiscard]] double value() const { return value_; }
  /// The bounds of the coordinates; empty if there is one bound for all.
  [[nodiscard]] const StoredTensors& each() const { return each_; }
  /// Throws Error naming `part` when there is one bound per coordinate and their shape or precision is not
  /// θ's.
  template <class Theta>
  void require_fits(const Theta& theta, const char* part) const {
    if (per_coordinate_) each_.require_fits(theta, "box", part);
  }
  /// Calls f(bound) for every bound.
  template <class F>
  void for_each(const F& f) const {
    if (per_coordinate_)
      each_.for_each_number([&f](std::size_t, std::size_t, double bound) { f(bound); });
    else
      f(value_);
  }

 private:
  double value_ = 0.0;
  StoredTensors each_;
  bool per_coordinate_ = false;
};

/// {θ : lowᵢ ≤ θᵢ ≤ highᵢ}; an infinite bound has no effect. Bounds per coordinate are stored in θ's
/// precision.
struct Box {
  Bound low = -std::numeric_limits<double>::infinity();  ///< lower bound, in θ's units
  Bound high = std::numeric_limits<double>::infinity();  ///< upper bound, in θ's units

  /// Throws Error naming the field out of range.
  void check() const {
    low.for_each([](double bound) { require(!std::isnan(bound), "low = {}: must be a number", bound); });
    high.for_each([](double bound) { require(!std::isnan(bound), "high = {}: must be a number", bound); });
    if (!low.per_coordinate()) {
      high.for_each([this](double bound) { require_order(low.value(), bound); });
    } else if (!high.per_coordinate()) {
      low.for_each([this](double bound) { require_order(bound, high.value()); });
    }
  }
  /// Throws Error when bounds per coordinate have another shape or precision than θ, or low > high anywhere.
  template <HasTensors Theta>
  void require_fits(const Theta& theta) const {
    low.require_fits(theta, "lower bound");
    high.require_fits(theta, "upper bound");
    if (!low.per_coordinate() || !high.per_coordinate()) return;
    std::size_t index = 0;
    list_tensors(theta, [&]<class T>(std::uint32_t /*tensor*/, const T* /*x*/, std::size_t n) {
      const T *bottom = low.each().template data<T>(index), *top = high.each().template data<T>(index);
      for (std::size_t i = 0; i < n; ++i)
        require(bottom[i] <= top[i], "box: entry {} of tensor {}: high = {}: must be at least low = {}", i,
                index, top[i], bottom[i]);
      ++index;
    });
  }
  /// θ_i ← the nearest number in [low_i, high_i]. Throws Error as require_fits does, without a
  /// change of θ.
  template <HasTensors Theta>
  void project(Theta& theta) const {
    require_fits(theta);
    std::size_t index = 0;
    for_each_tensor(theta, [&]<class T>(std::uint32_t /*tensor*/, T* x, std::size_t n) {
      const T* bottom = low.per_coordinate() ? low.each().template data<T>(index) : nullptr;
      const T* top = high.per_coordinate() ? high.each().template data<T>(index) : nullptr;
      ++index;
      clamp(x, n, bottom, top);
    });
  }

 private:
  static void require_order(double bottom, double top) {
    require(top >= bottom, "high = {}: must be at least low = {}", top, bottom);
  }
  template <class T>
  void clamp(T* x, std::size_t n, const T* bottoms, const T* tops) const {
    const T bottom = static_cast<T>(low.value()), top = static_cast<T>(high.value());
    for_each_chunk(n, [&](std::size_t first, std::size_t size) {
      for (std::size_t i = first; i < first + size; ++i)
        x[i] = std::clamp(x[i], bottoms != nullptr ? bottoms[i] : bottom, tops != nullptr ? tops[i] : top);
    });
  }
};

}  // namespace zofo::outer
