// E3: second moment of an estimate on a linear function, E‖ĝ‖²/‖∇f‖².
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "theory/draws.hpp"
#include "theory/statistics.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/estimate/forward.hpp"
#include "zofo/perturb/coordinate.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/perturb/sphere.hpp"

namespace theory {

// f(θ) = ⟨g, θ⟩ + 2 at θ = 1. Neither f(θ) nor the constant is zero, so that an estimator without the
// subtraction fails. `expected` is the number of the theory; Theta is a vector or a matrix.
template <class Theta, class Estimator, class Distribution>
Moments second_moment(const Estimator& estimator, const Distribution& distribution, const Theta& g,
                      std::uint32_t draws) {
  const auto f = [&g](const Theta& x) { return zofo::dot(g, x) + 2.0; };
  const Theta theta = Theta::Ones(g.rows(), g.cols());
  const double size = zofo::dot(g, g);
  return over_draws(draws, 1, [&](std::uint32_t k, Moments& part) {
    const Theta estimated = estimate(estimator, distribution, f, theta, k);
    part.add(zofo::dot(estimated, estimated) / size);
  });
}

inline Eigen::VectorXd e3_gradient() { return Eigen::VectorXd::LinSpaced(16, -1.0, 2.0); }

// The factor that the distribution states; for a matrix if it distinguishes matrices from vectors.
template <class Distribution, class Theta>
double stated_factor(const Distribution& distribution, const Theta& g) {
  const auto rows = static_cast<std::size_t>(g.rows()), cols = static_cast<std::size_t>(g.cols());
  if constexpr (!Theta::IsVectorAtCompileTime && requires { distribution.rank; })
    return distribution.second_moment_factor(rows, cols);
  else
    return distribution.second_moment_factor(rows * cols);
}

// The measured factor, and the one that the distribution states.
template <class Theta, class Estimator, class Distribution>
void e3_compare(Verdict& v, const std::string& what, const Estimator& estimator,
                const Distribution& distribution, const Theta& g, double expected, const Effort& effort) {
  const Moments m = second_moment(estimator, distribution, g, effort.draws(100000U, 1000000U));
  v.add(mean_is(what, expected, m.mean(), m.error(), 0.15));
  const double stated = stated_factor(distribution, g);
  v.add(at_most(what + ": |stated − predicted|", 1e-9, std::abs(stated - expected)));
  v.series.push_back({what, {expected}, {m.mean()}, {kSigmas * m.error()}});
}

inline Verdict e3_blank() {
  Verdict v;
  v.id = "E3";
  v.statement =
      "second moment on a linear function: Gaussian d+2; signs, sphere, coordinate d; u vT (m+2)(n+2)";
  v.figure = {.x_label = "predicted E‖ĝ‖²/‖∇f‖²", .y_label = "measured", .log_x = false, .log_y = false};
  return v;
}
inline void e3_diagonal(Verdict& v) {
  Series line{.label = "measured = predicted", .x = {}, .y = {}, .error = {}, .slope = kNaN, .line = true};
  for (const Series& s : v.series) line.x.insert(line.x.end(), s.x.begin(), s.x.end());
  const auto [low, high] = std::minmax_element(line.x.begin(), line.x.end());
  line.x = {0.9 * *low, 1.1 * *high};
  line.y = line.x;
  v.series.push_back(std::move(line));
}

inline Eigen::MatrixXd e3_matrix() {
  Eigen::MatrixXd g(4, 3);
  g.reshaped() = Eigen::VectorXd::LinSpaced(12, -1.0, 2.0);
  return g;
}

inline Verdict e3(const Effort& effort) {
  Verdict v = e3_blank();
  const Eigen::VectorXd g = e3_gradient();
  const auto d = static_cast<double>(g.size());
  const zofo::Central central{0.1, 1, effort.seed};
  const zofo::Forward forward{0.1, 1, effort.seed + 1};
  e3_compare(v, "Gaussian", central, zofo::Gaussian{}, g, d + 2, effort);
  e3_compare(v, "random signs", central, zofo::Rademacher{}, g, d, effort);
  e3_compare(v, "sphere", central, zofo::Sphere{}, g, d, effort);
  e3_compare(v, "coordinate", central, zofo::Coordinate{}, g, d, effort);
  e3_compare(v, "rank 1 on 4 x 3", central, zofo::LowRank{.rank = 1}, e3_matrix(), (4.0 + 2) * (3.0 + 2),
             effort);
  e3_compare(v, "Gaussian, one-sided", forward, zofo::Gaussian{}, g, d + 2, effort);
  e3_compare(v, "Gaussian, single precision", central, zofo::Gaussian{}, Eigen::VectorXf(g.cast<float>()),
             d + 2, effort);
  e3_diagonal(v);
  return v;
}

}  // namespace theory
