/// @file Philox4x32-10, the counter-based generator of every random number.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "zofo/core/direction.hpp"

namespace zofo {

/// Multiplier of counter word 0. The constants are public for other implementations, such as the GPU's.
inline constexpr std::uint32_t kPhiloxMultiplier0 = 0xD2511F53u;
/// Multiplier of counter word 2.
inline constexpr std::uint32_t kPhiloxMultiplier1 = 0xCD9E8D57u;
/// What each round adds to key word 0: the golden ratio.
inline constexpr std::uint32_t kPhiloxKeyStep0 = 0x9E3779B9u;
/// What each round adds to key word 1: sqrt(3) - 1.
inline constexpr std::uint32_t kPhiloxKeyStep1 = 0xBB67AE85u;
/// Number of rounds.
inline constexpr std::size_t kPhiloxRounds = 10;

/// The two halves of a 32 x 32 bit product.
struct WideProduct {
  std::uint32_t high;  ///< upper 32 bits
  std::uint32_t low;   ///< lower 32 bits
};

/// The 64-bit product a·b.
constexpr WideProduct wide_product(std::uint32_t a, std::uint32_t b) {
  const std::uint64_t product = std::uint64_t{a} * b;
  return {static_cast<std::uint32_t>(product >> 32), static_cast<std::uint32_t>(product)};
}

/// The four random words of one block: a bijection of the 128-bit counter for each 64-bit key.
constexpr std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                                     std::array<std::uint32_t, 2> key) {
  for (std::size_t round = 0; round < kPhiloxRounds; ++round) {
    const auto first = wide_product(kPhiloxMultiplier0, counter[0]);
    const auto second = wide_product(kPhiloxMultiplier1, counter[2]);
    counter = {second.high ^ counter[1] ^ key[0], second.low, first.high ^ counter[3] ^ key[1], first.low};
    key[0] += kPhiloxKeyStep0;
    key[1] += kPhiloxKeyStep1;
  }
  return counter;
}

/// The words of one (direction, tensor): counter = (block, tensor, step, query), key = (seed low, seed high).
struct PhiloxStream {
  Direction direction;       ///< gives the key and the counter words `step` and `query`
  std::uint32_t tensor = 0;  ///< the counter word `stream`, see core/rng_streams.hpp

  /// The two words of the key.
  constexpr std::array<std::uint32_t, 2> key() const {
    return {static_cast<std::uint32_t>(direction.seed), static_cast<std::uint32_t>(direction.seed >> 32)};
  }

  /// The four random words of block `index`.
  constexpr std::array<std::uint32_t, 4> block(std::uint32_t index) const {
    return philox4x32_10({index, tensor, direction.step, direction.query}, key());
  }
};

}  // namespace zofo
