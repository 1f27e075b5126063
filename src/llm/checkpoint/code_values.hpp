/// @file Storage types whose 4-bit codes are indices of a table of values.
#pragma once

#include <array>
#include <cstdint>

namespace zofo::checkpoint {

/// Values of a 4-bit code.
using CodeValues = std::array<float, 16>;

/// IQ4_NL and IQ4_XS (ggml-common.h, kvalues_iq4nl).
inline constexpr CodeValues iq4_values{-127, -104, -83, -65, -49, -35, -22, -10,
                                       1,    13,   25,  38,  53,  69,  89,  113};
/// FP4 (e2m1) doubled (OCP Microscaling Formats 1.0; ggml-common.h, kvalues_mxfp4).
inline constexpr CodeValues fp4_values{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// scale·value of 32 codes: code i < 16 is the low nibble of byte i, code i + 16 its high nibble.
inline void read_codes(const std::uint8_t* nibbles, const CodeValues& values, float scale,
                       float* __restrict out) {
  for (unsigned i = 0; i < 16; ++i) {
    out[i] = scale * values[nibbles[i] & 15U];
    out[i + 16] = scale * values[nibbles[i] >> 4U];
  }
}

}  // namespace zofo::checkpoint
