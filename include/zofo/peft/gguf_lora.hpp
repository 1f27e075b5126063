/// @file LoRA adapters as GGUF files, as llama.cpp reads them (convert_lora_to_gguf.py, llama-adapter.cpp).
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "zofo/checkpoint/gguf.hpp"
#include "zofo/peft/model_shape.hpp"
#include "zofo/peft/peft_adapter.hpp"

namespace zofo::peft {

/// Reads the LoRA of a GGUF file (`general.type` adapter, `adapter.type` lora) for a model of this shape.
/// Blocks may have different modules, and modules different ranks; `adapter.lora.alpha` 0 or missing means a
/// scale of 1, as in llama.cpp. Throws Error naming the file and the key or tensor at fault.
PeftAdapter read_gguf_lora(const checkpoint::GgufFile& file, const ModelShape& shape);

/// Writes the factors of a LoRA as F32: `blk.0.attn_q.weight.lora_a` [in, rank] and `lora_b` [rank, out] in
/// ggml's order of extents. `architecture` is that of the model's GGUF file; in those of qwen2 the rows of q
/// and k have Hugging Face's order. Where modules have an α of their own, B has the difference. Throws Error
/// naming the file when it exists or the disk refuses.
void write_gguf_lora(const std::filesystem::path& path, const ModelShape& shape,
                     std::string_view architecture, const Lora& lora, std::span<const float> values);

}  // namespace zofo::peft
