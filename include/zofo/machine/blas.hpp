/// @file The BLAS that this program runs with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace zofo::machine {

/// How a BLAS makes threads.
enum class BlasThreads : std::uint8_t { unknown, none, own, openmp };

/// "unknown", "none", "threads of its own" or "OpenMP".
const char* to_text(BlasThreads threads);

/// A BLAS as it describes itself. Of another than OpenBLAS only the file is known.
struct Blas {
  std::string version;                          ///< such as "OpenBLAS 0.3.21"; empty: not an OpenBLAS
  std::string core;                             ///< the processor that its kernels were chosen for
  std::string file;                             ///< of the library; of the program if it is linked statically
  BlasThreads parallel = BlasThreads::unknown;  ///< how it makes threads
  std::size_t threads = 0;                      ///< of a product; 0: unknown
};

/// The BLAS of this process.
Blas blas();

}  // namespace zofo::machine
