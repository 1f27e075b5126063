// E6: every direction is a pure function of (seed, step, query, tensor, coordinate), on any number of
// threads.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "theory/draws.hpp"
#include "theory/statistics.hpp"
#include "zofo/core/philox.hpp"
#include "zofo/core/random.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"

namespace theory {

using Words = std::array<std::uint32_t, 4>;

// Philox4x32-10 implemented from the paper (Salmon et al. 2011, §3.3), independent of the library.
inline Words philox_again(Words c, std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t left = 0xD2511F53ULL * c[0], right = 0xCD9E8D57ULL * c[2];
    c = {static_cast<std::uint32_t>(right >> 32U) ^ c[1] ^ key0, static_cast<std::uint32_t>(right),
         static_cast<std::uint32_t>(left >> 32U) ^ c[3] ^ key1, static_cast<std::uint32_t>(left)};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return c;
}
inline Words words_of(zofo::Direction d, std::uint32_t tensor, std::size_t block) {
  return philox_again({static_cast<std::uint32_t>(block), tensor, d.step, d.query},
                      static_cast<std::uint32_t>(d.seed), static_cast<std::uint32_t>(d.seed >> 32U));
}

// Coordinate i of z by <cmath> in double: Box–Muller of the words as core/random.hpp documents it.
struct NormalReference {
  static double at(zofo::Direction d, std::uint32_t tensor, std::size_t i) {
    const Words w = words_of(d, tensor, i / 4);
    const std::size_t pair = i % 4 / 2 * 2;
    const double u = (static_cast<float>(w[pair] / 2) + 0.5F) * 0x1p-31;
    const double r = std::sqrt(-2.0 * std::log(u));
    const double angle = static_cast<std::int32_t>(w[pair + 1]) * 0x1p-31 * std::numbers::pi / 4;
    const double sine = r * std::sin(angle),
                 cosine = r * std::cos(angle) * ((w[pair + 1] & 1U) != 0 ? -1 : 1);
    return ((w[pair + 1] & 2U) != 0) == (i % 2 == 0) ? sine : cosine;
  }
};
struct SignReference {
  static double at(zofo::Direction d, std::uint32_t tensor, std::size_t i) {
    return ((words_of(d, tensor, i / 128)[i / 32 % 4] >> (i % 32)) & 1U) != 0 ? -1.0 : 1.0;
  }
};

// Words that differ from the published known answers (Random123 1.14, kat_vectors) and from the second
// Philox.
inline std::size_t wrong_words() {
  constexpr std::uint32_t all = 0xFFFFFFFFU;
  struct Known {
    Words counter;
    std::array<std::uint32_t, 2> key;
    Words answer;
  };
  const std::array<Known, 3> known{
      {{{0, 0, 0, 0}, {0, 0}, {0x6627E8D5U, 0xE169C58DU, 0xBC57AC4CU, 0x9B00DBD8U}},
       {{all, all, all, all}, {all, all}, {0x408F276DU, 0x41C83B0EU, 0xA20BC7C6U, 0x6D5451FDU}},
       {{0x243F6A88U, 0x85A308D3U, 0x13198A2EU, 0x03707344U},
        {0xA4093822U, 0x299F31D0U},
        {0xD16CFE09U, 0x94FDCCEBU, 0x5001E420U, 0x24126EA1U}}}};
  std::size_t wrong = 0;
  for (const Known& k : known) {
    const Words again = philox_again(k.counter, k.key[0], k.key[1]),
                ours = zofo::philox4x32_10(k.counter, k.key);
    for (std::size_t i = 0; i < 4; ++i) wrong += (ours[i] != k.answer[i]) + (again[i] != k.answer[i]);
  }
  const zofo::Direction direction{0x0123456789ABCDEFU, 11, 5};
  std::vector<double> u(4096);
  zofo::uniforms(direction, 3, 0, u.data(), u.size());
  for (std::size_t i = 0; i < u.size(); ++i)
    wrong += u[i] != (words_of(direction, 3, i / 4)[i % 4] + 0.5) * 0x1p-32 ? 1 : 0;
  return wrong;
}

// More coordinates than a thread processes at a time, so that an index relative to the thread's range fails.
inline constexpr Eigen::Index kLong = 70000;

// Largest |x − reference| of one tensor.
template <class Reference, class Vector>
double worst_of(const Vector& x, zofo::Direction key, std::uint32_t tensor) {
  double worst = 0.0;
  for (Eigen::Index i = 0; i < x.size(); ++i)
    worst = std::max(
        worst, std::abs(static_cast<double>(x[i]) - Reference::at(key, tensor, static_cast<std::size_t>(i))));
  return worst;
}
// The largest over both tensors of a θ in double and over one in single precision, for keys that differ in
// one word.
template <class Reference, class Distribution>
double worst_entry(const Distribution& distribution, std::uint64_t seed) {
  double worst = 0.0;
  for (const zofo::Direction key :
       {zofo::Direction{seed, 0, 0}, zofo::Direction{seed + 1, 0, 0}, zofo::Direction{seed, 1, 0},
        zofo::Direction{seed, 0, 1}, zofo::Direction{seed ^ (1ULL << 40U), 7, 9}}) {
    TwoTensors z{Eigen::VectorXd::Zero(kLong), Eigen::VectorXd::Zero(300)};
    Eigen::VectorXf single = Eigen::VectorXf::Zero(kLong);
    distribution.add(z, key, 1.0);
    distribution.add(single, key, 1.0);
    worst = std::max({worst, worst_of<Reference>(z.first, key, 0), worst_of<Reference>(z.second, key, 1),
                      worst_of<Reference>(single, key, 0)});
  }
  return worst;
}

// Entries of the fused single-precision update that change with the number of threads.
template <class Distribution>
double entries_that_vary(const Distribution& distribution, std::uint64_t seed) {
#ifdef _OPENMP
  const int before = omp_get_max_threads();
  const auto moved = [&](int threads) {
    omp_set_num_threads(threads);
    Eigen::VectorXf x = Eigen::VectorXf::LinSpaced(300001, -1.0F, 1.0F);
    distribution.add(x, {seed, 2, 3}, 1e-3);
    return x;
  };
  const Eigen::VectorXf one = moved(1);
  Eigen::Index different = 0;
  for (const int threads : {2, 3, 4, 7}) different += (one.array() != moved(threads).array()).count();
  omp_set_num_threads(before);
  return static_cast<double>(different);
#else
  (void)distribution, (void)seed;
  return 0.0;
#endif
}

template <class Normal, class Sign>
Verdict e6_with(const Normal& normal, const Sign& sign, const Effort& effort) {
  Verdict v;
  v.id = "E6";
  v.statement = "a direction is a pure function of its key, on any number of threads";
  v.figure = {.x_label = "reference z", .y_label = "z", .log_x = false, .log_y = false};
  v.add(at_most("words unlike the published ones", 0.0, static_cast<double>(wrong_words())));
  v.add(at_most("normals, worst error", 1e-6, worst_entry<NormalReference>(normal, effort.seed)));
  v.add(at_most("signs, worst error", 0.0, worst_entry<SignReference>(sign, effort.seed)));
  v.add(at_most("normals that vary with threads", 0.0, entries_that_vary(normal, effort.seed)));
  v.add(at_most("signs that vary with threads", 0.0, entries_that_vary(sign, effort.seed)));
  Series points{.label = "normals", .x = {}, .y = {}, .error = {}};
  Eigen::VectorXd z = Eigen::VectorXd::Zero(200);
  normal.add(z, {effort.seed, 0, 0}, 1.0);
  for (Eigen::Index i = 0; i < z.size(); ++i) {
    points.x.push_back(NormalReference::at({effort.seed, 0, 0}, 0, static_cast<std::size_t>(i)));
    points.y.push_back(z[i]);
  }
  v.series.push_back(std::move(points));
  return v;
}

inline Verdict e6(const Effort& effort) { return e6_with(zofo::Gaussian{}, zofo::Rademacher{}, effort); }

}  // namespace theory
