// E8: directions U Vᵀ/√r on an m×n matrix: unbiased, E‖ĝ‖²/‖∇f‖² = mn + 2 + 2(m + n + 1)/r.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cstdint>

#include "theory/statements/e3.hpp"
#include "zofo/perturb/low_rank.hpp"

namespace theory {

// `make(r)` is the distribution under test.
template <class Make>
Verdict e8_with(const Make& make, const Effort& effort) {
  Verdict v;
  v.id = "E8";
  v.statement = "rank r on m x n: unbiased, second moment mn + 2 + 2(m+n+1)/r";
  v.figure = {.x_label = "r", .y_label = "E‖ĝ‖²/‖∇f‖² − (mn + 2)"};
  Eigen::MatrixXd g(3, 2);
  g << 1.0, -0.5, 0.25, 2.0, -1.0, 0.75;
  const double m = 3.0, n = 2.0, dense = m * n + 2.0;
  const auto f = [&g](const Eigen::MatrixXd& x) { return zofo::dot(g, x) + 2.0; };
  const Eigen::MatrixXd theta = Eigen::MatrixXd::Ones(3, 2);
  Series gap{.label = "measured", .x = {1, 2, 4, 8, 16}, .y = {}, .error = {}, .slope = -1.0};
  Series line{.label = "2(m+n+1)/r", .x = gap.x, .y = {}, .error = {}, .slope = kNaN, .line = true};
  for (const double r : gap.x) {
    const zofo::Central central{0.1, 1, effort.seed + static_cast<std::uint64_t>(r)};
    const auto distribution = make(static_cast<std::uint32_t>(r));
    // Coordinates of ĝ, then ‖ĝ‖²/‖∇f‖².
    const Moments both = over_draws(effort.draws(100000U, 1000000U), 7, [&](std::uint32_t k, Moments& part) {
      Eigen::ArrayXd x(7);
      x.head(6) = flat(estimate(central, distribution, f, theta, k)).array();
      x[6] = x.head(6).square().sum() / g.squaredNorm();
      part.add(x);
    });
    Eigen::ArrayXd expected(7);
    expected.head(6) = flat(g).array();
    expected[6] = dense + 2.0 * (m + n + 1.0) / r;
    v.add(
        means_are(fmt::format("r = {:g}: mean against the gradient, and second moment", r), both, expected));
    v.add(mean_is(fmt::format("r = {:g}: second moment", r), expected[6], both.means()[6], both.errors()[6],
                  0.15));
    v.add(at_most(fmt::format("r = {:g}: |stated − predicted|", r), 1e-9,
                  std::abs(stated_factor(distribution, g) - expected[6])));
    gap.y.push_back(both.means()[6] - dense);
    gap.error.push_back(both.errors()[6]);
    line.y.push_back(expected[6] - dense);
  }
  v.add(slope_is("gap against r", -1.0, log_log_fit(gap.x, gap.y, gap.error), 0.3));
  v.series = {gap, line};
  return v;
}

inline Verdict e8(const Effort& effort) {
  return e8_with([](std::uint32_t r) { return zofo::LowRank{.rank = r}; }, effort);
}

}  // namespace theory
