#include "zofo/machine/speed.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tensor/cpu/gemm.hpp"

namespace zofo::machine {

double shortest(const std::function<void()>& work, double budget, std::size_t most) {
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const Clock::time_point begin = Clock::now();
  work();
  // A long execution needs no warm-up.
  if (const double first = seconds_since(begin); first > budget) return first;
  double best = 0.0;
  for (std::size_t i = 0; i < most && (i == 0 || seconds_since(begin) < budget); ++i) {
    const Clock::time_point start = Clock::now();
    work();
    const double seconds = seconds_since(start);
    best = i == 0 ? seconds : std::min(best, seconds);
  }
  return std::max(best, 1e-9);
}

double product_speed(std::size_t rows, std::size_t in, std::size_t out, double budget) {
  require(rows > 0 && in > 0 && out > 0, "product of {} rows by [{}, {}]: sizes must be positive", rows, out,
          in);
  // Small numbers that are no denormals.
  const std::vector<float> x(rows * in, 0.5F), w(out * in, 0.25F);
  std::vector<float> y(rows * out);
  const double seconds = shortest(
      [&] {
        tensor::cpu::gemm_nt(1.0F, tensor::view(x.data(), rows, in), tensor::view(w.data(), out, in), 0.0F,
                             tensor::view(y.data(), rows, out));
      },
      budget);
  return 2.0 * static_cast<double>(rows) * static_cast<double>(in) * static_cast<double>(out) / seconds / 1e9;
}

double copy_speed(std::size_t bytes, double budget) {
  const std::size_t pieces = 64, piece = std::max<std::size_t>(bytes / pieces, 1);
  const std::vector<char> from(pieces * piece, 1);
  std::vector<char> to(pieces * piece);
  const double seconds = shortest(
      [&] {
#pragma omp parallel for schedule(static)
        for (std::size_t i = 0; i < pieces; ++i)
          std::memcpy(to.data() + i * piece, from.data() + i * piece, piece);
      },
      budget);
  return 2.0 * static_cast<double>(pieces * piece) / seconds / 1e9;
}

}  // namespace zofo::machine
