/// @file Conversations as texts, as transformers' apply_chat_template writes them.
#pragma once

#include <ctime>
#include <string>

#include "zofo/chat/chat_template.hpp"
#include "zofo/chat/value.hpp"

namespace zofo::chat {

/// A checkpoint's template, and the texts of its special tokens by their names (`bos_token`, `eos_token`, …).
struct ChatFormat {
  ChatTemplate form;            ///< the template
  Mapping special_tokens = {};  ///< variables of the template
};

/// A conversation.
struct Conversation {
  Value messages;         ///< a list of mappings, which have `role` and `content`
  Value tools = nullptr;  ///< a list of descriptions as JSON schemas, or none
};

/// Text of a conversation. `add_generation_prompt`: with the text before an answer of the model. The
/// variables of the template are `messages` without the fields that are null, `tools`, `documents` (none),
/// `add_generation_prompt` and the special tokens; a message's reasoning is under `reasoning_content` and
/// `thinking`. Throws Error for messages that are no list of mappings, and as ChatTemplate::render.
Rendered render_chat(const ChatFormat& format, const Conversation& conversation, bool add_generation_prompt,
                     const std::tm& now = local_time());

}  // namespace zofo::chat
