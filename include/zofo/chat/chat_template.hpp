/// @file Chat templates: the Jinja templates by which checkpoints write conversations as texts.
#pragma once

#include <cstddef>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "zofo/chat/value.hpp"
#include "zofo/core/error_type.hpp"

namespace zofo::chat {

struct Node;

/// What a template raises by raise_exception(message), for conversations that it does not accept; what() is
/// that message.
class TemplateException : public Error {
 public:
  using Error::Error;
};

/// A part of a text.
struct Span {
  std::size_t begin = 0;  ///< its first byte
  std::size_t end = 0;    ///< one past its last byte
};

/// A text that a template has written.
struct Rendered {
  std::string text;                ///< in UTF-8
  std::vector<Span> answers = {};  ///< what the blocks {% generation %} have written, in their order
};

/// The local time.
std::tm local_time();

/// A template of Jinja (https://jinja.palletsprojects.com, version 3.1), in the environment of Hugging Face's
/// transformers: trim_blocks, lstrip_blocks, loop controls, {% generation %}, raise_exception, strftime_now,
/// tojson without HTML escapes. Supports what chat templates use: print, if, for, set, macro, filter, raw,
/// comments; about 30 filters, 30 tests and the methods of texts, lists and mappings. Everything else is
/// refused by name with its line. Templates are untrusted: nesting, values and work are bounded; the work by
/// the size of the variables. Integers have 64 bits. Copies share the parsed template, and threads may share
/// one.
class ChatTemplate {
 public:
  /// Throws Error naming the line of what is broken or not supported.
  explicit ChatTemplate(const std::string& source);

  /// Whether it has blocks {% generation %}.
  [[nodiscard]] bool marks_answers() const { return marks_answers_; }

  /// The text for the variables. Throws TemplateException where the template raises it, and Error naming the
  /// line for what cannot be computed or exceeds the bounds.
  [[nodiscard]] Rendered render(const Mapping& variables, const std::tm& now = local_time()) const;

 private:
  std::shared_ptr<const Node> root_;
  bool marks_answers_ = false;
};

}  // namespace zofo::chat
