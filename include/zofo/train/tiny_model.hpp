/// @file A small generated model and task, for tests and demonstrations without downloads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace zofo::llm {

/// Sizes of the generated model.
struct TinyModel {
  std::uint32_t width = 64;     ///< of the embeddings
  std::uint32_t layers = 2;     ///< transformer blocks
  std::uint32_t heads = 4;      ///< attention heads
  std::uint32_t kv_heads = 2;   ///< heads of keys and values
  std::uint32_t ffn = 128;      ///< width of the feed-forward sublayers
  std::uint32_t context = 256;  ///< positions
  std::uint64_t seed = 7;       ///< of the weights
};

/// Writes a LLaMA-type GGUF file with random weights and a byte-level vocabulary. Throws Error if the file
/// cannot be written.
void write_tiny_model(const std::filesystem::path& path, const TinyModel& shape = {});

/// Writes a task folder with so many generated examples. Throws Error if the folder exists.
void write_tiny_task(const std::filesystem::path& path, std::size_t train, std::size_t validation);

}  // namespace zofo::llm
