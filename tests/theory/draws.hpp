// Zeroth-order estimates as vectors, and the θ's that the statements use.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/core/zo_gradient.hpp"
#include "zofo/estimate/estimator.hpp"

namespace theory {

// θ of two tensors of one shape, streams 0 and 1: noise that they share changes every mean.
struct TwoTensors {
  Eigen::VectorXd first, second;
};
template <class F>
void for_each_tensor(TwoTensors& theta, F&& f) {
  f(std::uint32_t{0}, theta.first.data(), static_cast<std::size_t>(theta.first.size()));
  f(std::uint32_t{1}, theta.second.data(), static_cast<std::size_t>(theta.second.size()));
}
inline TwoTensors zeros_like(const TwoTensors& x) {
  return {Eigen::VectorXd::Zero(x.first.size()), Eigen::VectorXd::Zero(x.second.size())};
}

// All coordinates in double, in order.
inline Eigen::VectorXd flat(const TwoTensors& x) {
  Eigen::VectorXd all(x.first.size() + x.second.size());
  all << x.first, x.second;
  return all;
}
template <zofo::EigenPlain V>
Eigen::VectorXd flat(const V& x) {
  return Eigen::Map<const Eigen::VectorX<typename V::Scalar>>(x.data(), x.size()).template cast<double>();
}

// ĝ of one step for a plain function f(θ): the probes are evaluated in a copy, as Solver does.
template <class Estimator, class Distribution, class F, class Theta>
Theta estimate(const Estimator& estimator, const Distribution& distribution, const F& f, const Theta& theta,
               std::uint32_t step) {
  using zofo::zeros_like;
  std::vector<double> losses;
  Theta x = theta;
  for (const zofo::Probe& probe : zofo::probes_of(estimator, step)) {
    x = theta;
    if (probe.scale != 0.0) distribution.add(x, probe.direction, probe.scale);
    losses.push_back(f(x));
  }
  Theta g = zeros_like(theta);
  for (const zofo::ZoTerm& term : zofo::estimate_of(estimator, step, losses).terms)
    distribution.add(g, term.direction, term.coefficient);
  return g;
}

}  // namespace theory
