/// @file A language model: the weights of a transformer and its tokenizer.
#pragma once

#include <map>
#include <string>

#include "zofo/chat/render_chat.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/tokenize/tokenizer.hpp"

namespace zofo::llm {

/// The chat template that a checkpoint has, unparsed: a template that is not supported stops only those who
/// use it.
struct ChatSource {
  std::string text = {};        ///< of the template; empty: the checkpoint has none
  std::string tools_text = {};  ///< of the one for conversations with tools; empty: `text`
  std::map<std::string, std::string> special_tokens{};  ///< variables of the template
  std::string file = {};                                ///< where it is, or would be, for messages

  /// Parses it. Throws Error naming the file where there is none, or as chat::ChatTemplate.
  [[nodiscard]] chat::ChatFormat format(bool with_tools = false) const;
};

/// A loaded model. Its tokenizer has a beginning-of-text token if the model's sequences start with one.
struct Model {
  model::Parameters parameters;   ///< the weights in fp32
  tokenize::Tokenizer tokenizer;  ///< text to token ids and back
  ChatSource chat = {};           ///< how conversations become texts
};

}  // namespace zofo::llm
