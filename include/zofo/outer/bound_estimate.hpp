/// @file The estimate written out a block at a time, for optimisers that look at its coordinates.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/core/zo_gradient.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo::outer {

/// A law any piece of whose z can be made on its own, once it is bound to θ's shape (`zofo::bind`).
template <class Law, class Theta>
concept BlockwiseLaw = requires(const Law& law, const Theta& theta, Direction z) {
  requires CoordinatewiseLaw<std::remove_cvref_t<decltype(::zofo::bind(law, theta, z))>>;
};

/// ĝ = Σ cᵢ zᵢ on blocks of θ. Borrows the law and the estimate. A law without `bind(θ, direction)` costs no
/// memory, any other one binding a term.
template <class Law, class Theta>
class BoundEstimate {
 public:
  BoundEstimate(const Law& law, const ZoGradient& gradient, const Theta& theta)
      : law_(law), gradient_(gradient) {
    if constexpr (kBinds) {
      bound_.reserve(gradient.terms.size());
      for (const ZoTerm& term : gradient.terms) bound_.push_back(::zofo::bind(law, theta, term.direction));
    }
  }
  /// g_i for i in [first, first + size) of one tensor; size is at most detail::kBlock.
  template <class T>
  void fill(std::uint32_t tensor, std::size_t first, T* g, std::size_t size) const {
    alignas(64) T z[detail::kBlock];
    for (std::size_t i = 0; i < size; ++i) g[i] = T{0};
    for (std::size_t k = 0; k < gradient_.terms.size(); ++k) {
      const ZoTerm& term = gradient_.terms[k];
      law(k).fill(term.direction, tensor, first, z, size);
      const T c = static_cast<T>(term.coefficient);
      for (std::size_t i = 0; i < size; ++i) g[i] += c * z[i];
    }
  }

 private:
  static constexpr bool kBinds = requires(const Law& law, const Theta& theta, Direction z) {
    law.bind(theta, z);
  };
  using Bound = std::remove_cvref_t<decltype(::zofo::bind(std::declval<const Law&>(),
                                                          std::declval<const Theta&>(), Direction{}))>;

  [[nodiscard]] const Bound& law([[maybe_unused]] std::size_t term) const {
    if constexpr (kBinds)
      return bound_[term];
    else
      return law_;
  }

  const Law& law_;
  const ZoGradient& gradient_;
  std::vector<Bound> bound_;
};

}  // namespace zofo::outer
