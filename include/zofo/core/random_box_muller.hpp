/// @file Box-Muller on any vector width: one text, so every width gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/box_muller_coefficients.hpp"

namespace zofo::detail {

#include "zofo/core/box_muller_text.hpp"

}  // namespace zofo::detail
