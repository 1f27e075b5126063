// expect: zofo: variance::None needs an estimator with probes(step, out) and combine(step, losses, out)
#include "zofo/variance/none.hpp"

struct ReturnsByValue {
  std::vector<zofo::Probe> probes(std::uint32_t) const { return {}; }
  zofo::ZoGradient combine(std::uint32_t, std::span<const double>) const { return {}; }
};

int main() { zofo::variance::None<ReturnsByValue>{}.check(); }
