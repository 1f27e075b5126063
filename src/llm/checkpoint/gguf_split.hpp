/// @file The parts of a GGUF model that is split into several files (llama.cpp, gguf-split).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "gguf_metadata.hpp"

namespace zofo::checkpoint {

/// A file's place among the parts of its model.
struct GgufSplit {
  std::uint64_t number = 0;   ///< of this part, from 0
  std::uint64_t count = 1;    ///< parts; 1: the model is not split
  std::uint64_t tensors = 0;  ///< in all parts

  /// Reads the keys split.no, split.count and split.tensors.count. Throws Error naming `file` and the key.
  static GgufSplit read(const GgufMetadata& metadata, const std::string& file);
};

/// The path of part `number` of a model whose part `given` is `path`: a name ends in -00001-of-00003.gguf.
/// Throws Error if that of `path` does not.
std::filesystem::path split_path(const std::filesystem::path& path, std::uint64_t given, std::uint64_t number,
                                 std::uint64_t count);

}  // namespace zofo::checkpoint
