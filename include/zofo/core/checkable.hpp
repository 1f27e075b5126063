/// @file Policies and options that can check themselves.
#pragma once

namespace zofo {

/// `check()` throws Error naming the first field that is out of range.
template <class T>
concept Checkable = requires(const T& x) {
  x.check();
};

/// Calls `policy.check()` where there is one. Every policy is checked through this function, and a policy that
/// wraps another one calls it from its own check().
template <class T>
void check_policy(const T& policy) {
  if constexpr (Checkable<T>) policy.check();
}

}  // namespace zofo
