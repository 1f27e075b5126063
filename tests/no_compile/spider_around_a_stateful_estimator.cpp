// expect: zofo: variance::Spider needs a stateless estimator with probes(step, out) and combine(step, losses,
// out)
#include "zofo/estimate/one_point_residual.hpp"
#include "zofo/variance/spider.hpp"

int main() { zofo::variance::Spider<zofo::OnePointResidual>{}.check(); }
