/// @file Reads the chat template of a GGUF file or a Hugging Face folder.
#pragma once

#include <filesystem>

#include "zofo/lm/language_model.hpp"

namespace zofo::llm {

/// The chat template and the special tokens that it may use. In a folder: `chat_template.jinja`, else
/// `chat_template` of `tokenizer_config.json` (one, or a list of several by name, of which `default` and
/// `tool_use` are read); tokens of `tokenizer_config.json`, else of `special_tokens_map.json`. In a GGUF
/// file: `tokenizer.chat_template`, `tokenizer.chat_template.tool_use` and the tokens of
/// `tokenizer.ggml.*_token_id`. Without a template its text is empty. Throws Error naming the file and the
/// key of another type.
ChatSource load_chat_source(const std::filesystem::path& path);

}  // namespace zofo::llm
