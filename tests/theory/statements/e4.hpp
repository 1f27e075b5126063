// E4: q directions averaged, E‖ĝ‖²/‖∇f‖²: (d + q + 1)/q for independent Gaussian ones.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cstdint>

#include "theory/statements/e3.hpp"

namespace theory {

// `make(q)` is the estimator under test.
template <class Make, class Law>
Verdict e4_with(const Make& make, const Law& law, const Effort& effort) {
  Verdict v;
  v.id = "E4";
  v.statement = "q independent Gaussian directions averaged: (d+q+1)/q";
  v.figure = {.x_label = "q", .y_label = "E‖ĝ‖²/‖∇f‖²"};
  const Eigen::VectorXd g = e3_gradient();
  const auto d = static_cast<double>(g.size());
  Series measured{.label = "independent", .x = {}, .y = {}, .error = {}};
  Series predicted{.label = "(d+q+1)/q", .x = {}, .y = {}, .error = {}, .slope = kNaN, .line = true};
  for (const std::uint32_t q : {1U, 2U, 4U, 8U, 16U}) {
    const double expected = (d + q + 1) / q;
    const Moments m = second_moment(make(q), law, g, effort.draws(20000U, 400000U));
    v.add(mean_is(fmt::format("q = {}", q), expected, m.mean(), m.error(), 0.15));
    measured.x.push_back(q);
    measured.y.push_back(m.mean());
    measured.error.push_back(kSigmas * m.error());
    predicted.x.push_back(q);
    predicted.y.push_back(expected);
  }
  v.series = {measured, predicted};
  return v;
}

inline Verdict e4(const Effort& effort) {
  return e4_with(
      [&](std::uint32_t q) {
        return zofo::Central{{0.1, q, effort.seed}};
      },
      zofo::Gaussian{}, effort);
}

}  // namespace theory
