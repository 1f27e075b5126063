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

/// A law any piece of whose z can be made on its own once it is bound to θ's shape (`zofo::bind`).
template <class Law, class Theta>
concept BlockwiseLaw = CoordinatewiseLaw<Law> || requires(const Law& law, const Theta& theta, Direction z) {
  requires CoordinatewiseLaw<std::remove_cvref_t<decltype(::zofo::bind(law, theta, z))>>;
};

/// ĝ = Σ cᵢ zᵢ on blocks of θ. Borrows the law and the estimate; a law that is coordinatewise by itself costs
/// no memory, any other one binding a term.
template <class Law, class Theta>
class BoundEstimate {
 public:
  BoundEstimate(const Law& law, const ZoGradient& gradient, const Theta& theta)
      : law_(law), gradient_(gradient) {
    if constexpr (!CoordinatewiseLaw<Law>) {
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
  static auto binding() {
    if constexpr (CoordinatewiseLaw<Law>)
      return std::type_identity<Law>{};
    else
      return std::type_identity<std::remove_cvref_t<decltype(::zofo::bind(
          std::declval<const Law&>(), std::declval<const Theta&>(), Direction{}))>>{};
  }
  using Bound = typename decltype(binding())::type;

  [[nodiscard]] const Bound& law([[maybe_unused]] std::size_t term) const {
    if constexpr (CoordinatewiseLaw<Law>)
      return law_;
    else
      return bound_[term];
  }

  const Law& law_;
  const ZoGradient& gradient_;
  std::vector<Bound> bound_;
};

}  // namespace zofo::outer
