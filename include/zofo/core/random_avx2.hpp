/// @file The random kernels for AVX2 and FMA, eight Philox blocks at a time. Same bits as PortableRandom.
///
/// Whether a translation unit has them depends on the processor's family and the compiler, never on -m flags:
/// their functions are compiled for AVX2 and FMA by an attribute, and random.hpp asks the
/// processor before it calls them. So files compiled with different -m flags define the same functions, and a
/// program compiled with none has these kernels too.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/box_muller_coefficients.hpp"
#include "zofo/core/philox.hpp"
#include "zofo/core/random_box_muller.hpp"
#include "zofo/core/random_portable.hpp"

/// 1 where the kernels exist: x86-64 and a compiler with function attributes for its instruction sets.
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define ZOFO_HAS_AVX2_KERNELS 1
#else
#define ZOFO_HAS_AVX2_KERNELS 0
#endif

#if ZOFO_HAS_AVX2_KERNELS

#include <immintrin.h>

#include <array>

namespace zofo::detail::avx2 {

/// Whether this processor has the instructions, and the system keeps their registers. Reads what the
/// compiler's runtime library found out when the program was loaded.
inline bool usable() { return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0; }

}  // namespace zofo::detail::avx2

// Every function from here to the end of the file is compiled for AVX2 and FMA, for any -m flags.
// Lambdas would not be (g++ leaves them out), nor may a __m256 go by value into or out of a function that is
// not: there must be none of either.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

namespace zofo::detail::avx2 {

#include "zofo/core/box_muller_text.hpp"

/// Eight lanes of float and of 32-bit integer arithmetic, for box_muller.
struct Lanes {
  using Float = __m256;
  using Word = __m256i;
  static Float real(float value) { return _mm256_set1_ps(value); }
  static Word word(std::uint32_t value) { return _mm256_set1_epi32(static_cast<int>(value)); }
  static Float from_signed(Word w) { return _mm256_cvtepi32_ps(w); }
  static Float as_float(Word w) { return _mm256_castsi256_ps(w); }
  static Word as_word(Float x) { return _mm256_castps_si256(x); }
  static Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static Float multiply(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static Float fma(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static Float sqrt(Float x) { return _mm256_sqrt_ps(x); }
  static Word add_words(Word a, Word b) { return _mm256_add_epi32(a, b); }
  static Word both(Word a, Word b) { return _mm256_and_si256(a, b); }
  static Word differ(Word a, Word b) { return _mm256_xor_si256(a, b); }
  template <int bits>
  static Word shift_left(Word w) {
    return _mm256_slli_epi32(w, bits);
  }
  template <int bits>
  static Word shift_right(Word w) {
    return _mm256_srli_epi32(w, bits);
  }
  template <int bits>
  static Word shift_right_signed(Word w) {
    return _mm256_srai_epi32(w, bits);
  }
  static Float select(Word choice, Float yes, Float no) {
    return _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(choice));
  }
};

/// Words 0..3 of eight blocks. Lanes hold blocks 0 2 4 6 | 1 3 5 7: store_in_order then needs no cross-lane
/// moves.
struct Words {
  __m256i word[4];
};

/// Writes 32 values in coordinate order from one register per word position.
inline void store_in_order(const __m256 (&by_word)[4], float* out) {
  const __m256 low01 = _mm256_unpacklo_ps(by_word[0], by_word[1]);
  const __m256 high01 = _mm256_unpackhi_ps(by_word[0], by_word[1]);
  const __m256 low23 = _mm256_unpacklo_ps(by_word[2], by_word[3]);
  const __m256 high23 = _mm256_unpackhi_ps(by_word[2], by_word[3]);
  _mm256_storeu_ps(out, _mm256_shuffle_ps(low01, low23, _MM_SHUFFLE(1, 0, 1, 0)));
  _mm256_storeu_ps(out + 8, _mm256_shuffle_ps(low01, low23, _MM_SHUFFLE(3, 2, 3, 2)));
  _mm256_storeu_ps(out + 16, _mm256_shuffle_ps(high01, high23, _MM_SHUFFLE(1, 0, 1, 0)));
  _mm256_storeu_ps(out + 24, _mm256_shuffle_ps(high01, high23, _MM_SHUFFLE(3, 2, 3, 2)));
}

/// Writes the 32 words of eight blocks in coordinate order, as the bits of floats.
inline void store_words(const Words& half, float* bits) {
  store_in_order({_mm256_castsi256_ps(half.word[0]), _mm256_castsi256_ps(half.word[1]),
                  _mm256_castsi256_ps(half.word[2]), _mm256_castsi256_ps(half.word[3])},
                 bits);
}

/// Philox on sixteen blocks as four interleaved chains, enough to hide the multiplier's latency. A 64-bit
/// lane carries one block's word in its low half: the 32 x 32 bit multiply reads only that half, so a product
/// can be used as the next "low" word.
class Philox {
 public:
  explicit Philox(const PhiloxStream& stream) {
    auto key = stream.key();
    for (std::size_t round = 0; round < kPhiloxRounds; ++round) {
      key0_[round] = broadcast(key[0]);
      key1_[round] = broadcast(key[1]);
      key[0] += kPhiloxKeyStep0;
      key[1] += kPhiloxKeyStep1;
    }
    fold_first_rounds(stream);
  }

  /// The words of blocks first .. first + 7 and first + 8 .. first + 15.
  std::array<Words, 2> words(std::uint32_t first) const {
    const __m256i base = _mm256_set1_epi32(static_cast<int>(first));
    State chain[kChains];
    start(chain, base);
    for (std::size_t round = 2; round < kPhiloxRounds; ++round) advance(chain, key0_[round], key1_[round]);
    return {merge(chain[0], chain[1]), merge(chain[2], chain[3])};
  }

 private:
  static constexpr std::size_t kChains = 4;

  struct State {
    __m256i c0, c1, c2, c3;
  };

  static __m256i broadcast(std::uint32_t value) { return _mm256_set1_epi64x(static_cast<long long>(value)); }

  static __m256i high(__m256i product) { return _mm256_srli_epi64(product, 32); }

  /// The low halves of a's and b's 64-bit lanes.
  static __m256i merge(__m256i a, __m256i b) {
    return _mm256_castps_si256(
        _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), _MM_SHUFFLE(2, 0, 2, 0)));
  }

  static Words merge(const State& a, const State& b) {
    return {{merge(a.c0, b.c0), merge(a.c1, b.c1), merge(a.c2, b.c2), merge(a.c3, b.c3)}};
  }

  /// Only counter word 0 differs between blocks: half of rounds 1 and 2 is the same number for all of them.
  void fold_first_rounds(const PhiloxStream& stream) {
    const auto key = stream.key();
    const auto step = wide_product(kPhiloxMultiplier1, stream.direction.step);
    const auto second = wide_product(kPhiloxMultiplier0, step.high ^ stream.tensor ^ key[0]);
    round1_c2_ = broadcast(stream.direction.query ^ key[1]);
    round2_c0_ = broadcast(step.low ^ (key[0] + kPhiloxKeyStep0));
    round2_c2_ = broadcast(second.high ^ (key[1] + kPhiloxKeyStep1));
    round2_c3_ = broadcast(second.low);
  }

  /// Rounds 1 and 2 of blocks base .. base + 15.
  void start(State (&chain)[kChains], __m256i base) const {
    const __m256i lane[kChains] = {_mm256_setr_epi64x(0, 2, 1, 3), _mm256_setr_epi64x(4, 6, 5, 7),
                                   _mm256_setr_epi64x(8, 10, 9, 11), _mm256_setr_epi64x(12, 14, 13, 15)};
    const __m256i multiplier0 = broadcast(kPhiloxMultiplier0);
    const __m256i multiplier1 = broadcast(kPhiloxMultiplier1);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kChains; ++i) {
      const __m256i first = _mm256_mul_epu32(_mm256_add_epi32(base, lane[i]), multiplier0);
      const __m256i second = _mm256_mul_epu32(_mm256_xor_si256(high(first), round1_c2_), multiplier1);
      chain[i] = {_mm256_xor_si256(high(second), round2_c0_), second, _mm256_xor_si256(first, round2_c2_),
                  round2_c3_};
    }
  }

  static void advance(State (&chain)[kChains], __m256i key0, __m256i key1) {
    const __m256i multiplier0 = broadcast(kPhiloxMultiplier0);
    const __m256i multiplier1 = broadcast(kPhiloxMultiplier1);
#pragma GCC unroll 4
    for (State& s : chain) {
      const __m256i first = _mm256_mul_epu32(s.c0, multiplier0);
      const __m256i second = _mm256_mul_epu32(s.c2, multiplier1);
      s = {_mm256_xor_si256(high(second), _mm256_xor_si256(s.c1, key0)), second,
           _mm256_xor_si256(high(first), _mm256_xor_si256(s.c3, key1)), first};
    }
  }

  __m256i key0_[kPhiloxRounds];
  __m256i key1_[kPhiloxRounds];
  __m256i round1_c2_, round2_c0_, round2_c2_, round2_c3_;
};

/// Fills groups of sixteen blocks.
class Random {
 public:
  static constexpr std::uint32_t kBlocks = 16;

  explicit Random(const PhiloxStream& stream) : philox_(stream) {}

  /// The 64 normals of each of `groups` groups of blocks from block `first` on.
  void normals(std::uint32_t first, std::size_t groups, float* z) const {
    for (; groups > 0; --groups, first += kBlocks) {
      for (const Words& half : philox_.words(first)) {
        const auto front = box_muller<Lanes>(half.word[0], half.word[1]);
        const auto back = box_muller<Lanes>(half.word[2], half.word[3]);
        store_in_order({front.first, front.second, back.first, back.second}, z);
        z += 32;
      }
    }
  }

  /// The 64 words of each of `groups` groups of blocks from block `first` on, as the bits of floats.
  void words(std::uint32_t first, std::size_t groups, float* bits) const {
    for (; groups > 0; --groups, first += kBlocks) {
      for (const Words& half : philox_.words(first)) {
        store_words(half, bits);
        bits += 32;
      }
    }
  }

  /// The 2048 signs of each of `groups` groups of blocks from block `first` on: -1 where the bit is set.
  void signs(std::uint32_t first, std::size_t groups, float* z) const {
    for (; groups > 0; --groups, first += kBlocks) {
      for (const Words& half : philox_.words(first)) {
        alignas(32) float ordered[32];
        store_words(half, ordered);
        for (const float& word : ordered) {
          store_signs(_mm256_castps_si256(_mm256_broadcast_ss(&word)), z);
          z += 32;
        }
      }
    }
  }

  /// y += a z.
  static void add(float a, const float* z, float* y, std::size_t n) {
    const __m256 scale = _mm256_set1_ps(a);
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
      _mm256_storeu_ps(y + i, _mm256_fmadd_ps(scale, _mm256_loadu_ps(z + i), _mm256_loadu_ps(y + i)));
    }
    PortableRandom::add(a, z + i, y + i, n - i);
  }

  /// out = x + a z.
  static void add_to(float a, const float* z, const float* x, float* out, std::size_t n) {
    const __m256 scale = _mm256_set1_ps(a);
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
      _mm256_storeu_ps(out + i, _mm256_fmadd_ps(scale, _mm256_loadu_ps(z + i), _mm256_loadu_ps(x + i)));
    }
    PortableRandom::add_to(a, z + i, x + i, out + i, n - i);
  }

  /// plus = x + a z, minus = x - a z.
  static void add_pair(float a, const float* z, const float* x, float* plus, float* minus, std::size_t n) {
    const __m256 scale = _mm256_set1_ps(a);
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
      const __m256 direction = _mm256_loadu_ps(z + i);
      const __m256 centre = _mm256_loadu_ps(x + i);
      _mm256_storeu_ps(plus + i, _mm256_fmadd_ps(scale, direction, centre));
      _mm256_storeu_ps(minus + i, _mm256_fnmadd_ps(scale, direction, centre));
    }
    PortableRandom::add_pair(a, z + i, x + i, plus + i, minus + i, n - i);
  }

 private:
  /// Bit k of the broadcast word becomes the sign of the k-th of 32 ones.
  static void store_signs(__m256i word, float* z) {
    const __m256i sign_bit = _mm256_set1_epi32(static_cast<int>(0x80000000u));
    const __m256i one = _mm256_castps_si256(_mm256_set1_ps(1.0f));
    const __m256i to_top = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
    for (int byte = 0; byte < 4; ++byte) {
      const __m256i shift = _mm256_sub_epi32(to_top, _mm256_set1_epi32(8 * byte));
      const __m256i sign = _mm256_and_si256(_mm256_sllv_epi32(word, shift), sign_bit);
      _mm256_storeu_ps(z + 8 * byte, _mm256_castsi256_ps(_mm256_or_si256(sign, one)));
    }
  }

  Philox philox_;
};

}  // namespace zofo::detail::avx2

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // ZOFO_HAS_AVX2_KERNELS
