// The smallest program that uses Eigen, fmt and zofo.
#include <Eigen/Core>
#include <cstdio>

#include "zofo/core/error.hpp"
#include "zofo/core/version.hpp"
#include "zofo/perturb/gaussian.hpp"

int main() {
  try {
    zofo::require_in("rate", -1.0, 0.0, 1.0);
  } catch (const zofo::Error& error) {
    std::printf("zofo %s: %s\n", ZOFO_VERSION_STRING, error.what());
    return 0;
  }
  return 1;
}
