/// @file The entries of random directions: pure functions of (direction, tensor, coordinate).
///
/// The bits do not depend on how a range is divided among calls, threads or vector lanes. Coordinate i of a
/// tensor takes
///   normals, uniforms: word i % 4 of Philox block i / 4; words (0, 1) and (2, 3) each make two normals
///   (box_muller); rademacher:        bit i % 32 of word (i / 32) % 4 of block i / 128; a set bit is -1.
/// Blocks are numbered in 32 bits: ranges end at coordinate 2^34 at most, else Error.
/// The kernels are chosen at run time by the processor's instructions, and every kernel gives the same bits,
/// so these functions do not depend on the -m flags of the files that include this header. Fused forms add
/// with one rounding: x + a z is fma(a, z, x) and x - a z is fma(-a, z, x).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "zofo/core/direction.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/philox.hpp"
#include "zofo/core/random_avx2.hpp"
#include "zofo/core/random_portable.hpp"

namespace zofo {

namespace detail {

/// Coordinates a chunked kernel holds at once: 8 KiB of floats, and whole groups of every kernel.
inline constexpr std::size_t kRandomChunk = 2048;

inline void require_range(std::uint64_t offset, std::size_t n) {
  constexpr std::uint64_t end = std::uint64_t{1} << 34;
  require(offset <= end && n <= end - offset, "random range: offset = {}, n = {}: must end at or before 2^34",
          offset, n);
}

/// Writes coordinates offset .. offset + n - 1; `fill_groups(block, groups, out)` writes that many groups of
/// `blocks` whole blocks of `per_block` coordinates each.
template <std::size_t per_block, std::size_t blocks, class FillGroups>
void fill_range(std::uint64_t offset, float* out, std::size_t n, const FillGroups& fill_groups) {
  constexpr std::size_t whole = per_block * blocks;
  auto block = static_cast<std::uint32_t>(offset / per_block);
  const auto skip = static_cast<std::size_t>(offset % per_block);
  const auto fill_part = [&](std::size_t first, std::size_t count) {
    std::array<float, whole> group;
    fill_groups(block, std::size_t{1}, group.data());
    std::copy_n(group.data() + first, count, out);
  };
  const auto advance = [&](std::size_t groups, std::size_t count) {
    block += static_cast<std::uint32_t>(groups * blocks);
    out += count;
    n -= count;
  };
  if (skip > 0) {
    const std::size_t count = std::min(whole - skip, n);
    fill_part(skip, count);
    advance(1, count);
  }
  if (const std::size_t groups = n / whole; groups > 0) {
    fill_groups(block, groups, out);
    advance(groups, groups * whole);
  }
  if (n > 0) fill_part(0, n);
}

/// Standard normals by a chosen kernel.
template <class Kernel>
struct NormalGenerator {
  const Kernel& kernel;
  void fill(std::uint64_t offset, float* z, std::size_t n) const {
    fill_range<4, Kernel::kBlocks>(offset, z, n, [this](std::uint32_t block, std::size_t groups, float* out) {
      kernel.normals(block, groups, out);
    });
  }
};

/// The generator's words by a chosen kernel, as the bits of floats.
template <class Kernel>
struct WordGenerator {
  const Kernel& kernel;
  void fill(std::uint64_t offset, float* bits, std::size_t n) const {
    fill_range<4, Kernel::kBlocks>(
        offset, bits, n,
        [this](std::uint32_t block, std::size_t groups, float* out) { kernel.words(block, groups, out); });
  }
};

/// Random signs by a chosen kernel.
template <class Kernel>
struct SignGenerator {
  const Kernel& kernel;
  void fill(std::uint64_t offset, float* z, std::size_t n) const {
    fill_range<128, Kernel::kBlocks>(
        offset, z, n,
        [this](std::uint32_t block, std::size_t groups, float* out) { kernel.signs(block, groups, out); });
  }
};

/// Calls use(z, start, count) on chunks of the range in order; chunks start at multiples of kRandomChunk.
template <class Generator, class Use>
void for_chunks(const Generator& generator, std::uint64_t offset, std::size_t n, const Use& use) {
  alignas(32) std::array<float, kRandomChunk> z;
  for (std::size_t start = 0; start < n;) {
    const auto inside = static_cast<std::size_t>((offset + start) % kRandomChunk);
    const std::size_t count = std::min(kRandomChunk - inside, n - start);
    generator.fill(offset + start, z.data(), count);
    use(z.data(), start, count);
    start += count;
  }
}

/// Calls use(kernel) with the stream's fastest kernel on this processor. All kernels give the same bits.
template <class Use>
void with_kernel(Direction direction, std::uint32_t tensor, const Use& use) {
  const PhiloxStream stream{direction, tensor};
#if ZOFO_HAS_AVX2_KERNELS
  if (avx2::usable()) return use(avx2::Random(stream));
#endif
  use(PortableRandom(stream));
}

template <template <class> class Generator>
void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, float* z, std::size_t n) {
  require_range(offset, n);
  with_kernel(direction, tensor,
              [=]<class Kernel>(const Kernel& kernel) { Generator<Kernel>{kernel}.fill(offset, z, n); });
}

template <template <class> class Generator>
void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, double* z, std::size_t n) {
  require_range(offset, n);
  with_kernel(direction, tensor, [=]<class Kernel>(const Kernel& kernel) {
    for_chunks(Generator<Kernel>{kernel}, offset, n,
               [z](const float* values, std::size_t start, std::size_t count) {
                 std::copy_n(values, count, z + start);
               });
  });
}

template <template <class> class Generator>
void add(Direction direction, std::uint32_t tensor, std::uint64_t offset, float a, float* y, std::size_t n) {
  require_range(offset, n);
  with_kernel(direction, tensor, [=]<class Kernel>(const Kernel& kernel) {
    for_chunks(Generator<Kernel>{kernel}, offset, n,
               [a, y](const float* z, std::size_t start, std::size_t count) {
                 Kernel::add(a, z, y + start, count);
               });
  });
}

template <template <class> class Generator>
void perturb(Direction direction, std::uint32_t tensor, std::uint64_t offset, float a, const float* x,
             float* out, std::size_t n) {
  require_range(offset, n);
  with_kernel(direction, tensor, [=]<class Kernel>(const Kernel& kernel) {
    for_chunks(Generator<Kernel>{kernel}, offset, n,
               [a, x, out](const float* z, std::size_t start, std::size_t count) {
                 Kernel::add_to(a, z, x + start, out + start, count);
               });
  });
}

template <template <class> class Generator>
void perturb_pair(Direction direction, std::uint32_t tensor, std::uint64_t offset, float a, const float* x,
                  float* plus, float* minus, std::size_t n) {
  require_range(offset, n);
  with_kernel(direction, tensor, [=]<class Kernel>(const Kernel& kernel) {
    for_chunks(Generator<Kernel>{kernel}, offset, n,
               [a, x, plus, minus](const float* z, std::size_t start, std::size_t count) {
                 Kernel::add_pair(a, z, x + start, plus + start, minus + start, count);
               });
  });
}

}  // namespace detail

/// z[k] = standard normal of coordinate offset + k, k < n.
inline void normals(Direction direction, std::uint32_t tensor, std::uint64_t offset, float* z,
                    std::size_t n) {
  detail::fill<detail::NormalGenerator>(direction, tensor, offset, z, n);
}

/// The same float values widened.
inline void normals(Direction direction, std::uint32_t tensor, std::uint64_t offset, double* z,
                    std::size_t n) {
  detail::fill<detail::NormalGenerator>(direction, tensor, offset, z, n);
}

/// z[k] = +1 or -1 with equal odds for coordinate offset + k, k < n.
inline void rademacher(Direction direction, std::uint32_t tensor, std::uint64_t offset, float* z,
                       std::size_t n) {
  detail::fill<detail::SignGenerator>(direction, tensor, offset, z, n);
}

/// The same signs as doubles.
inline void rademacher(Direction direction, std::uint32_t tensor, std::uint64_t offset, double* z,
                       std::size_t n) {
  detail::fill<detail::SignGenerator>(direction, tensor, offset, z, n);
}

/// u[k] = (word + 1/2) / 2^32 of coordinate offset + k, k < n: inside (0, 1), ends excluded.
inline void uniforms(Direction direction, std::uint32_t tensor, std::uint64_t offset, double* u,
                     std::size_t n) {
  detail::require_range(offset, n);
  const PhiloxStream stream{direction, tensor};
  for (std::size_t k = 0; k < n;) {
    const auto words = stream.block(static_cast<std::uint32_t>((offset + k) / 4));
    for (auto word = static_cast<std::size_t>((offset + k) % 4); word < 4 && k < n; ++word, ++k) {
      u[k] = (words[word] + 0.5) * 0x1p-32;
    }
  }
}

/// z[k] = 0 unless coordinate offset + k is kept, k < n: where uniforms() is below `fraction`, in [0, 1].
template <class T>
void keep_at_random(Direction direction, std::uint32_t tensor, std::uint64_t offset, double fraction, T* z,
                    std::size_t n) {
  detail::require_range(offset, n);
  // (word + 1/2) / 2^32 < fraction, in integers.
  const auto end = static_cast<std::uint64_t>(std::ceil(std::max(fraction * 0x1p32 - 0.5, 0.0)));
  detail::with_kernel(direction, tensor, [=]<class Kernel>(const Kernel& kernel) {
    detail::for_chunks(detail::WordGenerator<Kernel>{kernel}, offset, n,
                       [end, z](const float* bits, std::size_t start, std::size_t count) {
                         for (std::size_t i = 0; i < count; ++i)
                           if (std::bit_cast<std::uint32_t>(bits[i]) >= end) z[start + i] = T{0};
                       });
  });
}

/// y[k] += a z of coordinate offset + k, z from normals(), without storing z.
inline void add_normals(Direction direction, std::uint32_t tensor, std::uint64_t offset, float a, float* y,
                        std::size_t n) {
  detail::add<detail::NormalGenerator>(direction, tensor, offset, a, y, n);
}

/// y[k] += a z of coordinate offset + k, z from rademacher(), without storing z.
inline void add_rademacher(Direction direction, std::uint32_t tensor, std::uint64_t offset, float a, float* y,
                           std::size_t n) {
  detail::add<detail::SignGenerator>(direction, tensor, offset, a, y, n);
}

/// out = x + a z, z from normals(), without storing z. `out` may be `x`.
inline void perturb_normals(Direction direction, std::uint32_t tensor, std::uint64_t offset, float a,
                            const float* x, float* out, std::size_t n) {
  detail::perturb<detail::NormalGenerator>(direction, tensor, offset, a, x, out, n);
}

/// out = x + a z, z from rademacher(), without storing z. `out` may be `x`.
inline void perturb_rademacher(Direction direction, std::uint32_t tensor, std::uint64_t offset, float a,
                               const float* x, float* out, std::size_t n) {
  detail::perturb<detail::SignGenerator>(direction, tensor, offset, a, x, out, n);
}

/// plus = x + a z and minus = x - a z, z from normals() made once. `plus` or `minus` may be `x` itself.
inline void perturb_pair_normals(Direction direction, std::uint32_t tensor, std::uint64_t offset, float a,
                                 const float* x, float* plus, float* minus, std::size_t n) {
  detail::perturb_pair<detail::NormalGenerator>(direction, tensor, offset, a, x, plus, minus, n);
}

/// plus = x + a z and minus = x - a z, z from rademacher() made once. `plus` or `minus` may be `x` itself.
inline void perturb_pair_rademacher(Direction direction, std::uint32_t tensor, std::uint64_t offset, float a,
                                    const float* x, float* plus, float* minus, std::size_t n) {
  detail::perturb_pair<detail::SignGenerator>(direction, tensor, offset, a, x, plus, minus, n);
}

}  // namespace zofo
