/// @file The functions of Box-Muller, included once in each namespace whose functions are compiled for other
/// instructions: zofo::detail (random_box_muller.hpp, any processor) and zofo::detail::avx2
/// (random_avx2.hpp). So it has no include guard; the headers that it needs are included before.
/// Source: Box, Muller, "A note on the generation of random normal deviates", Ann. Math. Statist. 29 (1958).
///
/// All operations are correctly rounded (+, x, fma, sqrt), and products enter sums through fma only, so a
/// compiler has nothing to contract. Polynomials are near-minimax fits (Lawson's iteration) rounded to
/// float.
#include <cstddef>
#include <cstdint>

/// Two independent standard normals per lane.
template <class Lanes>
struct NormalPair {
  typename Lanes::Float first;   ///< normal of the even coordinate
  typename Lanes::Float second;  ///< normal of the odd coordinate
};

/// c[0] + c[1] x + c[2] x^2 + ...
template <class Lanes, std::size_t n>
inline typename Lanes::Float polynomial(typename Lanes::Float x, const float (&c)[n]) {
  auto sum = Lanes::real(c[n - 1]);
  for (std::size_t i = n - 1; i > 0; --i) sum = Lanes::fma(sum, x, Lanes::real(c[i - 1]));
  return sum;
}

/// sqrt(-2 log u), u = (word / 2 + 1/2) / 2^31 rounded to float, in (0, 1]: at most sqrt(64 log 2) = 6.66.
template <class Lanes>
inline typename Lanes::Float radius(typename Lanes::Word word) {
  constexpr std::uint32_t root_half = 0x3F3504F3u;          // bits of 1/sqrt(2)
  constexpr std::uint32_t scale = std::uint32_t{31} << 23;  // exponent of 2^31
  const auto scaled = Lanes::add(Lanes::from_signed(Lanes::template shift_right<1>(word)), Lanes::real(0.5f));
  // u = 2^exponent (1 + f) with 1 + f in [1/sqrt(2), sqrt(2)): near u = 1 the logarithm keeps its relative
  // accuracy.
  const auto bits = Lanes::add_words(Lanes::as_word(scaled), Lanes::word(0u - root_half - scale));
  const auto exponent = Lanes::from_signed(Lanes::template shift_right_signed<23>(bits));
  const auto mantissa = Lanes::add_words(Lanes::both(bits, Lanes::word(0x7FFFFFu)), Lanes::word(root_half));
  const auto f = Lanes::add(Lanes::as_float(mantissa), Lanes::real(-1.0f));
  const auto from_exponent = Lanes::multiply(exponent, Lanes::real(-1.38629436f));  // -2 log 2
  return Lanes::sqrt(Lanes::fma(f, polynomial<Lanes>(f, kMinusTwoLog), from_exponent));
}

/// A uniform point of the unit circle times `r`. The word read as a signed fraction t in [-1, 1) gives the
/// angle pi/4 t; its last two bits, below the angle's float precision, place that quarter circle: bit 1 swaps
/// the coordinates, bit 0 flips the long one.
template <class Lanes>
inline NormalPair<Lanes> on_circle(typename Lanes::Float r, typename Lanes::Word word) {
  const auto t = Lanes::multiply(Lanes::from_signed(word), Lanes::real(0x1p-31f));
  const auto square = Lanes::multiply(t, t);
  const auto sine = Lanes::multiply(Lanes::multiply(r, t), polynomial<Lanes>(square, kSine));
  const auto cosine = Lanes::multiply(r, polynomial<Lanes>(square, kCosine));
  const auto sign = Lanes::template shift_left<31>(word);
  const auto swap = Lanes::template shift_left<30>(word);
  const auto signed_cosine = Lanes::as_float(Lanes::differ(Lanes::as_word(cosine), sign));
  return {Lanes::select(swap, sine, signed_cosine), Lanes::select(swap, signed_cosine, sine)};
}

/// Two independent standard normals from two independent uniform words.
template <class Lanes>
inline NormalPair<Lanes> box_muller(typename Lanes::Word radius_word, typename Lanes::Word angle_word) {
  return on_circle<Lanes>(radius<Lanes>(radius_word), angle_word);
}
