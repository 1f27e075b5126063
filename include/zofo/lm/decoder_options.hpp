/// @file Limits of generation.
#pragma once

#include <cstddef>

namespace zofo::llm {

/// How many sequences are generated together.
struct DecoderOptions {
  std::size_t sequences = 0;    ///< sequences of a pass at most; 0: as many as suit the device
  std::size_t cache_bytes = 0;  ///< of keys and values; 0: 128 MiB for each sequence that suits the device

  /// Throws Error naming the field out of range.
  void check() const;
};

}  // namespace zofo::llm
