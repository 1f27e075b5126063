/// @file How a policy that was given no seed gets the solver's.
#pragma once

#include <cstdint>

namespace zofo {

/// `adopt_seed(seed)` sets the policy's seed if none was given. A policy that wraps others passes it on, by
/// the free `adopt_seed`.
template <class T>
concept Seedable = requires(T& policy, std::uint64_t seed) { policy.adopt_seed(seed); };

/// Calls `policy.adopt_seed(seed)` where there is one; a policy that generates no random numbers has none.
template <class T>
void adopt_seed([[maybe_unused]] T& policy, [[maybe_unused]] std::uint64_t seed) {
  if constexpr (Seedable<T>) policy.adopt_seed(seed);
}

}  // namespace zofo
