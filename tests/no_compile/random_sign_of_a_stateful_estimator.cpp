// expect: zofo: RandomSign needs a stateless estimator with probes(step, out) and combine(step, losses, out)
#include "zofo/estimate/one_point_residual.hpp"
#include "zofo/estimate/random_sign.hpp"

int main() { zofo::RandomSign<zofo::OnePointResidual>{}.check(); }
