// The conversation of a chat request.
#pragma once

#include "llm/serve/fields.hpp"
#include "zofo/chat/render_chat.hpp"

namespace zofo::serve {

// Reads `messages`: a list of {"role": TEXT, "content": TEXT or a list of parts {"type": "text", "text":
// TEXT}}, which become one text. Other fields of a message are the template's. Throws ApiError naming the
// message.
chat::Conversation read_messages(Fields& fields);

}  // namespace zofo::serve
