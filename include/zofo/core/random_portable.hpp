/// @file The random kernels in plain C++, one Philox block at a time: for any processor.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "zofo/core/philox.hpp"
#include "zofo/core/random_box_muller.hpp"

namespace zofo::detail {

/// One lane of float and of 32-bit integer arithmetic, for box_muller.
struct PortableLane {
  using Float = float;
  using Word = std::uint32_t;
  static Float real(float value) { return value; }
  static Word word(std::uint32_t value) { return value; }
  static Float from_signed(Word w) { return static_cast<float>(static_cast<std::int32_t>(w)); }
  static Float as_float(Word w) { return std::bit_cast<float>(w); }
  static Word as_word(Float x) { return std::bit_cast<std::uint32_t>(x); }
  static Float add(Float a, Float b) { return a + b; }
  static Float multiply(Float a, Float b) { return a * b; }
  static Float fma(Float a, Float b, Float c) { return std::fma(a, b, c); }
  static Float sqrt(Float x) { return std::sqrt(x); }
  static Word add_words(Word a, Word b) { return a + b; }
  static Word both(Word a, Word b) { return a & b; }
  static Word differ(Word a, Word b) { return a ^ b; }
  template <int bits>
  static Word shift_left(Word w) {
    return w << bits;
  }
  template <int bits>
  static Word shift_right(Word w) {
    return w >> bits;
  }
  template <int bits>
  static Word shift_right_signed(Word w) {
    return static_cast<Word>(static_cast<std::int32_t>(w) >> bits);
  }
  /// `yes` where the top bit of `choice` is set, else `no`.
  static Float select(Word choice, Float yes, Float no) { return (choice >> 31) != 0 ? yes : no; }
};

/// Fills any number of blocks per call; the reference for the vector kernels. A kernel works in groups of
/// kBlocks whole blocks.
class PortableRandom {
 public:
  static constexpr std::uint32_t kBlocks = 1;

  explicit PortableRandom(const PhiloxStream& stream) : stream_(stream) {}

  /// The 4 normals of each of `groups` blocks from `first` on.
  void normals(std::uint32_t first, std::size_t groups, float* z) const {
    for (std::size_t group = 0; group < groups; ++group) {
      const auto words = stream_.block(first + static_cast<std::uint32_t>(group));
      for (std::size_t pair = 0; pair < 4; pair += 2) {
        const auto normal = box_muller<PortableLane>(words[pair], words[pair + 1]);
        *z++ = normal.first;
        *z++ = normal.second;
      }
    }
  }

  /// The 4 words of each of `groups` blocks from `first` on, as the bits of floats.
  void words(std::uint32_t first, std::size_t groups, float* bits) const {
    for (std::size_t group = 0; group < groups; ++group) {
      const auto words = stream_.block(first + static_cast<std::uint32_t>(group));
      std::memcpy(bits + 4 * group, words.data(), sizeof words);
    }
  }

  /// The 128 signs of each of `groups` blocks from `first` on: -1 where the bit is set.
  void signs(std::uint32_t first, std::size_t groups, float* z) const {
    for (std::size_t group = 0; group < groups; ++group) {
      const auto words = stream_.block(first + static_cast<std::uint32_t>(group));
      for (std::size_t i = 0; i < 128; ++i) *z++ = ((words[i / 32] >> (i % 32)) & 1u) != 0 ? -1.0f : 1.0f;
    }
  }

  /// y += a z.
  static void add(float a, const float* z, float* y, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) y[i] = std::fma(a, z[i], y[i]);
  }

  /// out = x + a z.
  static void add_to(float a, const float* z, const float* x, float* out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) out[i] = std::fma(a, z[i], x[i]);
  }

  /// plus = x + a z, minus = x - a z.
  static void add_pair(float a, const float* z, const float* x, float* plus, float* minus, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const float centre = x[i];
      plus[i] = std::fma(a, z[i], centre);
      minus[i] = std::fma(-a, z[i], centre);
    }
  }

 private:
  PhiloxStream stream_;
};

}  // namespace zofo::detail
