// expect: zofo: the CUDA backend generates Gaussian, Rademacher and LowRank directions (concept
// CudaDistribution)
#include "zofo/model/cuda/backend.hpp"
#include "zofo/perturb/sphere.hpp"

using namespace zofo;

void wrong(model::CudaBackend<float>& backend, const model::CudaParameters<float>& theta) {
  backend.at_probes(theta, Sphere{}, {});
}
