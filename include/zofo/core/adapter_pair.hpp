/// @file A task's two adapters.
#pragma once

namespace zofo {

/// The adapters of one task: `upper` is p, trained on F + λG; `lower` is s, trained on G.
template <class P>
struct AdapterPair {
  P upper;  ///< p
  P lower;  ///< s
};
template <class P>
AdapterPair(P, P) -> AdapterPair<P>;

}  // namespace zofo
