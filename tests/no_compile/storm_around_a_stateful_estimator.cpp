// expect: zofo: variance::Storm needs a stateless estimator with probes(step, out) and combine(step, losses,
// out)
#include "zofo/estimate/one_point_residual.hpp"
#include "zofo/variance/storm.hpp"

int main() { zofo::variance::Storm<zofo::OnePointResidual>{}.check(); }
