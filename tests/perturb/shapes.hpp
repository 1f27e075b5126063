// θs of several shapes, and z as one vector of doubles.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/perturb/perturbation.hpp"
#ifdef _OPENMP
#include <omp.h>
#endif

namespace shapes {

// A user's θ: a row-major matrix and a vector, listed only when not const.
template <class T>
struct Layer {
  Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> weight;
  Eigen::Matrix<T, Eigen::Dynamic, 1> bias;
  Layer(Eigen::Index rows, Eigen::Index cols) { weight.setZero(rows, cols), bias.setZero(rows); }
};
template <class T, class F>
void for_each_tensor(Layer<T>& layer, F&& f) {
  f(std::uint32_t{5}, layer.weight.data(), static_cast<std::size_t>(layer.weight.size()));
  f(std::uint32_t{2}, layer.bias.data(), static_cast<std::size_t>(layer.bias.size()));
}
template <class T, class F>
void for_each_matrix(Layer<T>& layer, F&& f) {
  const auto cols = static_cast<std::size_t>(layer.weight.cols());
  f(std::uint32_t{5}, layer.weight.data(), static_cast<std::size_t>(layer.weight.rows()), cols, cols,
    std::size_t{1});
}

// Two tensors of different scalars and no matrices.
struct Mixed {
  std::vector<float> first;
  std::vector<double> second;
};
template <class F>
void for_each_tensor(Mixed& theta, F&& f) {
  f(std::uint32_t{3}, theta.first.data(), theta.first.size());
  f(std::uint32_t{4}, theta.second.data(), theta.second.size());
}

// All coordinates of θ in the order of its tensors.
template <class Theta>
Eigen::VectorXd flat(const Theta& theta) {
  std::vector<double> all;
  zofo::list_tensors(theta, [&](std::uint32_t, const auto* x, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) all.push_back(static_cast<double>(x[i]));
  });
  return Eigen::Map<const Eigen::VectorXd>(all.data(), static_cast<Eigen::Index>(all.size()));
}

// z(direction) on a θ that is zero.
template <class Distribution, class Theta>
Eigen::VectorXd noise(const Distribution& distribution, const Theta& zero, zofo::Direction direction) {
  Theta theta = zero;
  distribution.add(theta, direction, 1.0);
  return flat(theta);
}

// Whether add and both kinds of perturbed copies have the same bits on one thread and on three.
template <class Distribution, class Theta>
bool same_on_any_threads(const Distribution& distribution, const Theta& start) {
#ifdef _OPENMP
  const int before = omp_get_max_threads();
  std::vector<Theta> results[2];
  for (int run = 0; run < 2; ++run) {
    omp_set_num_threads(run == 0 ? 1 : 3);
    Theta moved = start, out = start, plus = start, minus = start;
    distribution.add(moved, {1, 2, 1}, 1e-3);
    zofo::write_perturbed(distribution, start, {1, 2, 1}, 1e-3, out);
    zofo::write_perturbed_pair(distribution, start, {1, 2, 1}, 1e-3, plus, minus);
    results[run] = {moved, out, plus, minus};
  }
  omp_set_num_threads(before);
  for (std::size_t i = 0; i < 4; ++i)
    if (flat(results[0][i]) != flat(results[1][i]) || flat(results[0][i]) == flat(start)) return false;
#else
  static_cast<void>(distribution), static_cast<void>(start);
#endif
  return true;
}

// Whether pieces of awkward sizes of the bound distribution are those of the whole.
template <class Distribution, class Theta>
bool same_in_pieces(const Distribution& distribution, const Theta& theta, std::uint32_t tensor,
                    std::size_t n) {
  const zofo::Direction direction{9, 1, 1};
  const auto bound = zofo::bind(distribution, theta, direction);
  std::vector<float> whole(n), parts(n);
  bound.fill(direction, tensor, 0, whole.data(), n);
  for (std::size_t first = 0, size = 1; first < n; first += size, size = size * 7 % 1531 + 1) {
    size = std::min(size, n - first);
    bound.fill(direction, tensor, first, parts.data() + first, size);
  }
  return whole == parts;
}

// Largest |mean − expected| of second moments Σ c over samples of ‖ĝ‖²/‖∇f‖², in standard errors: f is linear
// with the gradient g of θ's shape (flat), and ĝ = (g·z) z.
template <class Distribution, class Theta>
double moment_deviation(const Distribution& distribution, const Theta& zero, const Eigen::VectorXd& g,
                        double factor, std::uint32_t samples, std::uint64_t seed) {
  double sum = 0.0, squares = 0.0;
  for (std::uint32_t k = 0; k < samples; ++k) {
    const Eigen::VectorXd z = noise(distribution, zero, {seed, k, 0});
    const double ratio = std::pow(g.dot(z), 2) * z.squaredNorm() / g.squaredNorm();
    sum += ratio;
    squares += ratio * ratio;
  }
  const double mean = sum / samples;
  return std::abs(mean - factor) / std::sqrt((squares / samples - mean * mean) / samples);
}

}  // namespace shapes
