/// @file Where the answers of a conversation are in its text: what fine-tuning trains.
#pragma once

#include <cstddef>

#include "zofo/chat/render_chat.hpp"

namespace zofo::chat {

/// The text of a conversation with the parts that its assistant has written: what {% generation %} marks, or,
/// for a template without it, from the end of the generation prompt to the end of the turn, which are found
/// by rendering the messages before each turn and up to it. `first`: answers before this message are left
/// out. Throws Error where the template does not write a turn alike with and without the messages after it,
/// where there is no answer, and as render_chat.
Rendered render_with_answers(const ChatFormat& format, const Conversation& conversation, std::size_t first,
                             const std::tm& now = local_time());

}  // namespace zofo::chat
