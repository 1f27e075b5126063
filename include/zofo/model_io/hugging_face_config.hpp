/// @file The shape of a model from the config.json of a Hugging Face folder, and back.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/safetensors_writer.hpp"
#include "zofo/model/config.hpp"

namespace zofo::llm {

/// The shape that a config.json describes: LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM or
/// OPTForCausalLM, as transformers 4 or 5 writes them. Throws Error naming file, field, value and what is
/// allowed.
model::Config read_hugging_face_config(const checkpoint::JsonFields& file);

/// The config.json of a shape, for transformers 4 and 5. The computation determines the architecture: LLaMA,
/// Mistral if there is a window, Qwen2 if q, k and v have biases, or OPT. `tokens` are fields of the
/// tokenizer (`bos_token_id`, ...). Throws Error for a shape that no config.json describes.
nlohmann::json hugging_face_config(const model::Config& c, checkpoint::SafetensorsType type,
                                   const nlohmann::json& tokens);

}  // namespace zofo::llm
