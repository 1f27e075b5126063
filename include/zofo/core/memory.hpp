/// @file Memory of a vector's shape that a state keeps.
#pragma once

#include <optional>

namespace zofo {

/// What a state keeps of P's shape; empty until the first use.
template <class P>
using Memory = std::optional<P>;

}  // namespace zofo
