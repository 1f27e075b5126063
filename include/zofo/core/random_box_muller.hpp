/// @file Box-Muller for one lane. All vector widths include the same functions, so all give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/box_muller_coefficients.hpp"

namespace zofo::detail {

#include "zofo/core/box_muller_text.hpp"

}  // namespace zofo::detail
