// expect: zofo: variance::Svrg needs a stateless estimator with probes(step, out) and combine(step, losses,
// out)
#include "zofo/estimate/one_point_residual.hpp"
#include "zofo/variance/svrg.hpp"

int main() { zofo::variance::Svrg<zofo::OnePointResidual>{}.check(); }
