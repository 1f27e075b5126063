/// @file Rows of free text as token ids, with the tokens that are learnt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "zofo/chat/render_chat.hpp"
#include "zofo/data/task_definition.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/lm/language_model.hpp"

namespace zofo::llm {

/// A sequence, and which of its tokens are learnt.
struct MarkedTokens {
  Tokens ids;                ///< token ids
  std::vector<bool> learnt;  ///< of each
};

/// Where each token is in the text that was encoded: its first byte and one past its last. Throws Error where
/// the tokens do not spell the text.
std::vector<chat::Span> token_spans(const tokenize::Tokenizer& tokenizer, const Tokens& ids,
                                    std::string_view text);

/// A conversation by the model's chat template, without another beginning-of-text token: the tokens that
/// overlap an answer are learnt, as in transformers' assistant mask. `first`: answers before this message are
/// not learnt.
MarkedTokens encode_conversation(const tokenize::Tokenizer& tokenizer, const chat::ChatFormat& format,
                                 const chat::Conversation& conversation, std::size_t first);

/// A prompt, after the beginning-of-text token if the model has one, and a text that is learnt, with the
/// end-of-text token if the model has one (encode_pair).
MarkedTokens encode_completion(const Model& model, std::string_view prompt, std::string_view text);

/// Encodes an example of kind text. `format()` returns the parsed chat template; it is called for
/// conversations. Loses the tokens after task.max_length and those after the last one that is learnt. Throws
/// Error starting with `location` where the row does not fit into the context, of which an adapter reserves
/// `reserved` positions, or nothing is left to learn.
EncodedExample encode_text(const Model& model, const data::Task& task, const data::Example& example,
                           std::string_view location, std::uint32_t reserved,
                           const std::function<const chat::ChatFormat&(bool with_tools)>& format);

}  // namespace zofo::llm
