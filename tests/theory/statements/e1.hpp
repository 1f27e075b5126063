// E1: the two-sided Gaussian estimate on a quadratic has mean ∇f, exactly, for every ε.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cstdint>
#include <string>

#include "theory/draws.hpp"
#include "theory/statistics.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"

namespace theory {

// f = ½ xᵀHx + gᵀx + 3 on six coordinates with a dense H, which couples all coordinates.
struct DenseQuadratic {
  Eigen::MatrixXd hessian;
  Eigen::VectorXd linear;
  DenseQuadratic() : hessian(6, 6), linear(6) {
    for (Eigen::Index i = 0; i < 6; ++i)
      for (Eigen::Index j = 0; j < 6; ++j)
        hessian(i, j) =
            (i == j ? 1.0 + 0.5 * static_cast<double>(i) : 0.0) + 0.3 / static_cast<double>(1 + i + j);
    linear << 0.3, -1.0, 2.0, 0.7, -0.4, 1.1;
  }
  template <class Theta>
  double operator()(const Theta& theta) const {
    const Eigen::VectorXd x = flat(theta);
    return 0.5 * x.dot(hessian * x) + linear.dot(x) + 3.0;
  }
  [[nodiscard]] Eigen::VectorXd gradient(const Eigen::VectorXd& x) const { return hessian * x + linear; }
};

inline Eigen::VectorXd e1_point() { return Eigen::Vector<double, 6>{1.0, -0.5, 0.25, 0.8, -1.2, 0.4}; }
inline TwoTensors e1_pair() { return {e1_point().head(3), e1_point().tail(3)}; }

// Two comparisons: every coordinate of the mean, and the mean along ∇f, which shows the scale.
template <class Theta, class Estimator, class Distribution>
void e1_compare(Verdict& v, const std::string& what, const Estimator& estimator,
                const Distribution& distribution, const Theta& theta, std::uint32_t draws) {
  const DenseQuadratic f;
  const Eigen::VectorXd g = f.gradient(flat(theta));
  const Moments m = over_draws(draws, g.size() + 1, [&](std::uint32_t k, Moments& part) {
    Eigen::ArrayXd row(g.size() + 1);
    row.head(g.size()) = flat(estimate(estimator, distribution, f, theta, k)).array();
    row[g.size()] = row.head(g.size()).matrix().dot(g) / g.squaredNorm();
    part.add(row);
  });
  const auto d = static_cast<std::size_t>(g.size());
  v.add(mean_is(what + ": along the gradient", 1.0, m.means()[g.size()], m.errors()[g.size()], 0.1));
  Eigen::ArrayXd expected(g.size() + 1);
  expected << g.array(), 1.0;
  v.add(means_are(what + ": worst coordinate", m, expected));
  Series points{.label = what, .x = {}, .y = {}, .error = {}};
  for (std::size_t i = 0; i < d; ++i) {
    const auto at = static_cast<Eigen::Index>(i);
    points.x.push_back(static_cast<double>(i + 1) + 0.1 * static_cast<double>(v.series.size()));
    points.y.push_back((m.means()[at] - g[at]) / m.errors()[at]);
    points.error.push_back(1.0);
  }
  v.series.push_back(std::move(points));
}

inline Verdict e1_blank() {
  Verdict v;
  v.id = "E1";
  v.statement = "two-sided estimate on a quadratic: mean = gradient, for every epsilon";
  v.figure = {.x_label = "coordinate", .y_label = "(mean − gradient) / s.e.", .log_x = false, .log_y = false};
  return v;
}

// One distribution, two values of ε, on θ of two tensors.
template <class Distribution>
Verdict e1_with(const Distribution& distribution, const Effort& effort) {
  Verdict v = e1_blank();
  for (const double epsilon : {1e-3, 10.0})
    e1_compare(v, fmt::format("eps = {:g}", epsilon), zofo::Central{epsilon, 1, effort.seed}, distribution,
               e1_pair(), effort.draws(100000U, 1000000U));
  return v;
}

inline Verdict e1(const Effort& effort) {
  Verdict v = e1_with(zofo::Gaussian{}, effort);
  const std::uint32_t draws = effort.draws(100000U, 1000000U);
  const Eigen::VectorXf single = e1_point().cast<float>();
  e1_compare(v, "single precision", zofo::Central{0.1, 1, effort.seed + 1}, zofo::Gaussian{}, single, draws);
  e1_compare(v, "four queries", zofo::Central{0.1, 4, effort.seed + 2}, zofo::Gaussian{}, e1_pair(),
             draws / 4);
  e1_compare(v, "random signs", zofo::Central{0.1, 1, effort.seed + 3}, zofo::Rademacher{}, e1_pair(), draws);
  return v;
}

}  // namespace theory
