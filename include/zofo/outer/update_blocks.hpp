/// @file The coordinates of the update, a block at a time, for optimisers that need them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/core/zo_gradient.hpp"
#include "zofo/perturb/parallel_for.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo::outer {

/// ĝ = Σ cᵢ zᵢ on blocks of θ. Refers to the perturbation and the estimate, which must outlive it. A
/// perturbation with `bind(θ, direction)` costs one bound perturbation per term, any other costs no memory.
template <class D, class Theta>
class BoundEstimate {
 public:
  /// Binds every direction of the estimate to θ's shape. Throws Error as the perturbation's `bind` does.
  BoundEstimate(const D& perturbation, const ZoGradient& gradient, const Theta& theta)
      : perturbation_(perturbation), gradient_(gradient) {
    if constexpr (kBinds) {
      bound_.reserve(gradient.terms.size());
      for (const ZoTerm& term : gradient.terms)
        bound_.push_back(::zofo::bind(perturbation, theta, term.direction));
    }
  }
  /// g_i for i in [first, first + size) of one tensor; size is at most kBlock.
  template <class T>
  void fill(std::uint32_t tensor, std::size_t first, T* g, std::size_t size) const {
    alignas(64) T z[kBlock];
    for (std::size_t i = 0; i < size; ++i) g[i] = T{0};
    for (std::size_t k = 0; k < gradient_.terms.size(); ++k) {
      const ZoTerm& term = gradient_.terms[k];
      at(k).fill(term.direction, tensor, first, z, size);
      const T c = static_cast<T>(term.coefficient);
      for (std::size_t i = 0; i < size; ++i) g[i] += c * z[i];
    }
  }

 private:
  static constexpr bool kBinds = BindablePerturbation<D, Theta>;
  using Bound = std::remove_cvref_t<decltype(::zofo::bind(std::declval<const D&>(),
                                                          std::declval<const Theta&>(), Direction{}))>;

  [[nodiscard]] const Bound& at([[maybe_unused]] std::size_t term) const {
    if constexpr (kBinds)
      return bound_[term];
    else
      return perturbation_;
  }

  const D& perturbation_;
  const ZoGradient& gradient_;
  std::vector<Bound> bound_;
};

/// Calls f(index, x, g, offset, n) for each block of θ: `index` is the tensor's position in for_each_tensor's
/// order, x its entries [offset, offset + n) and g those of ĝ, both in the tensor's precision; n is at most
/// kBlock. What f writes to x is written to θ. Blocks are OpenMP-parallel, so f
/// must write only to its own block; the bits do not depend on the number of threads. Throws Error as the
/// perturbation's `bind` does, before the first call of f.
template <HasTensors Theta, class D, class F>
void for_each_update_block(Theta& theta, const D& perturbation, const ZoGradient& gradient, const F& f) {
  static_assert(
      FillablePerturbation<D, Theta>,
      "zofo: for_each_update_block needs a perturbation with fill(direction, tensor, offset, z, n) or "
      "bind(theta, direction) (concept FillablePerturbation)");
  const BoundEstimate<D, Theta> estimate(perturbation, gradient, theta);
  std::size_t index = 0;
  for_each_tensor(theta, [&]<class T>(std::uint32_t tensor, T* x, std::size_t size) {
    for_each_block(size, [&](std::size_t offset, std::size_t n) {
      alignas(64) T g[kBlock];
      estimate.fill(tensor, offset, g, n);
      f(index, x + offset, static_cast<const T*>(g), offset, n);
    });
    ++index;
  });
}

}  // namespace zofo::outer
