/// @file The metadata of a shape in a GGUF file.
#pragma once

#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/model/config.hpp"

namespace zofo::llm::detail {

/// The architecture whose GGUF files have this shape.
model::Architecture architecture_in_gguf(const model::Config& c);

/// Writes the keys of a shape that llama.cpp and read_gguf_config read, without general.architecture. Throws
/// Error for a shape that the keys cannot describe.
void write_gguf_config(checkpoint::GgufWriter& file, const model::Config& c);

}  // namespace zofo::llm::detail
