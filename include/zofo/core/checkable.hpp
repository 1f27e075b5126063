/// @file How the options of a policy are checked: the one protocol of all policies.
#pragma once

namespace zofo {

/// `check() const` throws Error naming the option that is out of range. A policy that wraps others checks
/// them too, by `check_policy`.
template <class T>
concept Checkable = requires(const T& policy) { policy.check(); };

/// Calls `policy.check()` where there is one; a policy without options has none. Throws Error naming the
/// option that is out of range.
template <class T>
void check_policy([[maybe_unused]] const T& policy) {
  if constexpr (Checkable<T>) policy.check();
}

}  // namespace zofo
