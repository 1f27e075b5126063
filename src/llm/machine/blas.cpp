#include "zofo/machine/blas.hpp"

#include <cblas.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

// OpenBLAS's functions about itself; null in a program with another BLAS.
extern "C" {
char* openblas_get_config() __attribute__((weak));
char* openblas_get_corename() __attribute__((weak));
int openblas_get_parallel() __attribute__((weak));
int openblas_get_num_threads() __attribute__((weak));
}

namespace zofo::machine {

const char* to_text(BlasThreads threads) {
  switch (threads) {
    case BlasThreads::none:
      return "none";
    case BlasThreads::own:
      return "threads of its own";
    case BlasThreads::openmp:
      return "OpenMP";
    default:
      return "unknown";
  }
}

Blas blas() {
  Blas result;
  Dl_info place{};
  // The address of a function of the library, so that dladdr finds its file.
  if (dladdr(reinterpret_cast<void*>(&cblas_sgemm), &place) != 0 && place.dli_fname != nullptr) {
    std::error_code ignored;
    const auto real = std::filesystem::canonical(place.dli_fname, ignored);
    result.file = real.empty() ? place.dli_fname : real.string();
  }
  if (openblas_get_config != nullptr) {
    // "OpenBLAS 0.3.21 NO_LAPACK DYNAMIC_ARCH …": the name and the version.
    const std::string config = openblas_get_config();
    result.version = config.substr(0, config.find(' ', config.find(' ') + 1));
  }
  if (openblas_get_corename != nullptr) result.core = openblas_get_corename();
  if (openblas_get_parallel != nullptr) {
    const int kind = openblas_get_parallel();
    result.parallel = kind == 2 ? BlasThreads::openmp : kind == 1 ? BlasThreads::own : BlasThreads::none;
  }
  if (openblas_get_num_threads != nullptr)
    result.threads = static_cast<std::size_t>(std::max(openblas_get_num_threads(), 0));
  return result;
}

bool lacks_avx2(const Blas& blas) {
  constexpr std::array old{"Katmai",    "Coppermine", "Northwood",  "Prescott", "Banias",
                           "Core2",     "Penryn",     "Dunnington", "Nehalem",  "Atom",
                           "Athlon",    "Opteron",    "Barcelona",  "Bobcat",   "Sandybridge",
                           "Bulldozer", "Piledriver", "Generic",    "generic",  "Unknown"};
  return std::ranges::find(old, blas.core) != old.end();
}

std::string faster_kernels(const Blas& blas, const Processor& p) {
  if (!lacks_avx2(blas) || !p.has("avx2") || !p.has("fma")) return {};
  return p.has("avx512f") && p.has("avx512bw") && p.has("avx512vl") ? "SkylakeX" : "Haswell";
}

}  // namespace zofo::machine
