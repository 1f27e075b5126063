/// @file Directions along one coordinate.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "zofo/core/philox.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

/// One entry of one tensor; every other is zero.
struct SingleEntry {
  std::uint32_t tensor = 0;  ///< index of the tensor
  std::uint64_t index = 0;   ///< index of the entry within the tensor
  double value = 0.0;        ///< of the entry
  /// z_i for i in [offset, offset + n) of one tensor.
  template <class T>
  void fill(Direction /*direction*/, std::uint32_t of, std::uint64_t offset, T* z, std::size_t n) const {
    std::fill_n(z, n, T{0});
    if (in(of, offset, n)) z[index - offset] = static_cast<T>(value);
  }
  /// x_k ← x_k + a z_i: touches one entry at most.
  template <class T>
  void add_range(Direction /*direction*/, std::uint32_t of, std::uint64_t offset, T a, T* x,
                 std::size_t n) const {
    if (in(of, offset, n)) x[index - offset] += a * static_cast<T>(value);
  }
  /// out_k ← x_k + a z_i.
  template <class T>
  void write_range(Direction direction, std::uint32_t of, std::uint64_t offset, T a, const T* x, T* out,
                   std::size_t n) const {
    if (out != x) std::copy_n(x, n, out);
    add_range(direction, of, offset, a, out, n);
  }
  /// plus_k ← x_k + a z_i and minus_k ← x_k − a z_i.
  template <class T>
  void pair_range(Direction direction, std::uint32_t of, std::uint64_t offset, T a, const T* x, T* plus,
                  T* minus, std::size_t n) const {
    T* const first = plus == x ? minus : plus;  // the output that is x itself is written last
    T* const last = plus == x ? plus : minus;
    const T sign = plus == x ? T{-1} : T{1};
    write_range(direction, of, offset, sign * a, x, first, n);
    write_range(direction, of, offset, -sign * a, x, last, n);
  }

 private:
  [[nodiscard]] bool in(std::uint32_t of, std::uint64_t offset, std::size_t n) const {
    return of == tensor && index >= offset && index - offset < n;
  }
};

/// z = √d e_i, i uniform over the coordinates of all tensors of θ together (Nesterov, "Efficiency of
/// coordinate descent methods on huge-scale optimization problems", SIAM J. Optim. 22, 2012, for the choice
/// of i). The index is ⌊d r / 2^64⌋, r the first two words of ExtraStream::coordinate: uniform up to d /
/// 2^64.
struct Coordinate {
  /// z(direction) on θ's shape.
  template <HasTensors Theta>
  [[nodiscard]] SingleEntry bind(const Theta& theta, Direction direction) const {
    const std::size_t d = coordinate_count(theta);
    SingleEntry entry{0, 0, std::sqrt(static_cast<double>(d))};
    std::uint64_t before = index(direction, d);
    bool found = false;
    list_tensors(theta, [&](std::uint32_t tensor, const auto*, std::size_t n) {
      if (found) return;
      found = before < n;
      if (found) {
        entry.tensor = tensor;
        entry.index = before;
      } else {
        before -= n;
      }
    });
    return entry;
  }
  /// θ ← θ + a z(direction): changes one entry.
  template <HasTensors Theta>
  void add(Theta& theta, Direction direction, double a) const {
    const SingleEntry entry = bind(theta, direction);
    for_each_tensor(theta, [&]<class T>(std::uint32_t tensor, T* x, std::size_t n) {
      entry.add_range(direction, tensor, 0, static_cast<T>(a), x, n);
    });
  }
  /// E‖ĝ‖²/‖∇f‖² on a linear function of d coordinates (docs/results/theory, E3): exactly d.
  [[nodiscard]] double second_moment_factor(std::size_t d) const { return static_cast<double>(d); }

 private:
  __extension__ using Wide = unsigned __int128;

  static std::uint64_t index(Direction direction, std::size_t d) {
    const auto words = PhiloxStream{direction, extra_stream(ExtraStream::coordinate, 0)}.block(0);
    const std::uint64_t r = std::uint64_t{words[1]} << 32U | words[0];
    return static_cast<std::uint64_t>((Wide{r} * d) >> 64U);
  }
};

}  // namespace zofo
