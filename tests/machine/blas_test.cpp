#include "zofo/machine/blas.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

namespace machine = zofo::machine;

TEST_CASE("OpenBLAS is told of AVX2 and AVX-512 where it took the processor for one without AVX2") {
  const auto kernels = [](const std::string& core, const std::vector<std::string>& features) {
    machine::Blas blas;
    blas.core = core;
    machine::Processor processor;
    processor.features = features;
    return machine::faster_kernels(blas, processor);
  };
  const std::vector<std::string> avx512{"avx", "fma", "avx2", "avx512f", "avx512bw", "avx512vl"};
  CHECK(kernels("Prescott", avx512) == "SkylakeX");
  CHECK(kernels("Prescott", {"avx", "fma", "avx2"}) == "Haswell");
  CHECK(kernels("Sandybridge", {"avx", "fma", "avx2", "avx512f"}) ==
        "Haswell");                             // of the first AVX-512 processors
  CHECK(kernels("Prescott", {"avx"}).empty());  // as it is
  CHECK(kernels("Zen", {"avx", "fma", "avx2"}).empty());
  CHECK(kernels("SapphireRapids", avx512).empty());
  CHECK(kernels("", avx512).empty());  // another BLAS
}
