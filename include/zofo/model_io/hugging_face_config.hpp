/// @file The shape of a model from the config.json of a Hugging Face folder, and back.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/safetensors_writer.hpp"
#include "zofo/model/config.hpp"

namespace zofo::llm {

/// The shape that a config.json describes, as transformers 4 or 5 writes it: one of the classes of
/// model::Architecture, or MinistralForCausalLM. Throws Error naming file, field, value and what is allowed.
model::Config read_hugging_face_config(const checkpoint::JsonFields& file);

/// The class of transformers that computes what the shape describes: that of its architecture, or the first
/// of model::Architecture that does. Throws Error if there is none.
model::Architecture hugging_face_architecture(const model::Config& c);

/// The config.json of a shape, for transformers 4 and 5, of the class hugging_face_architecture. `tokens` are
/// fields of the tokenizer (`bos_token_id`, ...). Throws Error for a shape that no config.json describes.
nlohmann::json hugging_face_config(const model::Config& c, checkpoint::SafetensorsType type,
                                   const nlohmann::json& tokens);

}  // namespace zofo::llm
