// Compiled with -ffp-contract=off: a fused multiplication would round otherwise than Python.
#include "quadratic.hpp"

namespace zofo::python {

double Quadratic::upper(const Theta& theta, const Adapter& p, BatchKey /*batch*/) const {
  double sum = 0.0;
  for (const double x : p) sum += (x - 1.0) * (x - 1.0);
  for (const double x : theta) sum += 0.1 * (x * x);
  return sum;
}
double Quadratic::upper_gradient(const Theta& theta, const Adapter& p, BatchKey batch,
                                 Adapter& gradient) const {
  for (Eigen::Index i = 0; i < p.size(); ++i) gradient[i] = 2.0 * (p[i] - 1.0);
  return upper(theta, p, batch);
}
double Quadratic::lower(const Theta& theta, const Adapter& p, BatchKey /*batch*/) const {
  double sum = 0.0;
  for (Eigen::Index i = 0; i < p.size(); ++i) sum += (p[i] - theta[i]) * (p[i] - theta[i]);
  return sum;
}
double Quadratic::lower_gradient(const Theta& theta, const Adapter& p, BatchKey batch,
                                 Adapter& gradient) const {
  for (Eigen::Index i = 0; i < p.size(); ++i) gradient[i] = 2.0 * (p[i] - theta[i]);
  return lower(theta, p, batch);
}

double distance(const Eigen::VectorXd& theta) {
  double sum = 0.0;
  for (const double x : theta) sum += (x - 1.0) * (x - 1.0);
  return sum;
}

}  // namespace zofo::python
