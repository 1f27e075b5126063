/// @file The random numbers of entries.cpp, compiled once with AVX2 and once without, for the same keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "zofo/core/direction.hpp"

namespace mixed_flags {

inline constexpr zofo::Direction direction{0x0123456789ABCDEFU, 11, 5};
inline constexpr std::uint32_t tensor = 3;
inline constexpr std::uint64_t offset = 2039;  // inside a block, a group and a chunk
inline constexpr std::size_t count = 9001;
inline constexpr float scale = 0.37F;

/// Entries of one direction by every public function of core/random.hpp.
struct Entries {
  std::vector<float> normals, signs, moved_by_normals, moved_by_signs, masked;
  std::vector<float> written_normals, written_signs, plus_normals, minus_normals, plus_signs, minus_signs;
  std::vector<double> wide_normals, wide_signs, uniforms;
  std::string kernel;  ///< type of the kernel that the file's functions use
  friend bool operator==(const Entries&, const Entries&) = default;
};

/// The file compiled with -mavx2 -mfma.
Entries entries_with_avx2();
/// The file compiled with -mno-avx2 -mno-fma.
Entries entries_without_avx2();

}  // namespace mixed_flags
