/// @file The BLAS that this program runs with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "zofo/machine/host.hpp"

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

/// Whether the kernels of an OpenBLAS were written for processors without AVX2. They run on every processor.
bool lacks_avx2(const Blas& blas);

/// The value of OPENBLAS_CORETYPE with which an OpenBLAS uses the instructions that the processor has, where
/// it took the processor for one without AVX2: releases do so with processors newer than they are, and
/// products then run at a fraction of their speed. Empty: the kernels fit. The variable is read when the
/// library is loaded.
std::string faster_kernels(const Blas& blas, const Processor& processor);

}  // namespace zofo::machine
