// Objectives whose answers are known.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <vector>

namespace objectives {

// ½ Σ hᵢ (xᵢ − x*ᵢ)².
template <class P>
struct Diagonal {
  P curvature, solution;
  double value_and_gradient(const P& x, P& gradient) {
    gradient = curvature.cwiseProduct(x - solution);
    return 0.5 * static_cast<double>((x - solution).dot(gradient));
  }
};

// Hands out a list of gradients, whatever x is.
struct Script {
  std::vector<Eigen::VectorXd> gradients;
  std::size_t next = 0;
  double value_and_gradient(const Eigen::VectorXd&, Eigen::VectorXd& gradient) {
    gradient = gradients.at(next++);
    return static_cast<double>(next);
  }
};

}  // namespace objectives
