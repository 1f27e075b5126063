#include "zofo/chat/answer_spans.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

// The messages that the assistant has written.
std::vector<std::size_t> answers_of(const Value& messages) {
  std::vector<std::size_t> answers;
  const Sequence* list = messages.sequence();
  for (std::size_t i = 0; list != nullptr && i < list->items.size(); ++i) {
    const Mapping* message = list->items[i].mapping();
    const Value* role = message == nullptr ? nullptr : message->find("role");
    if (role != nullptr && role->text() != nullptr && *role->text() == "assistant") answers.push_back(i);
  }
  return answers;
}

Conversation first_messages(const Conversation& conversation, std::size_t count) {
  auto part = std::make_shared<Sequence>();
  const std::vector<Value>& all = conversation.messages.sequence()->items;
  part->items.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
  part->depth = conversation.messages.depth();
  return {Value(Value::Data(std::shared_ptr<const Sequence>(std::move(part)))), conversation.tools};
}

// The length of the part of a turn that the whole conversation has at the same place: all of it, or, where
// the template writes more into the last turn (an empty block of reasoning), its last lines.
std::size_t turn_length(std::string_view whole, std::string_view turn) {
  for (std::string_view rest = turn;;) {
    if (rest.find_first_not_of(" \n") == std::string_view::npos) return 0;
    if (whole.starts_with(rest)) return rest.size();
    const std::size_t line_end = rest.find('\n');
    if (line_end == std::string_view::npos) return 0;
    rest.remove_prefix(line_end + 1);
  }
}

// The span of the answer `index` in the text of the whole conversation.
Span span_of(const ChatFormat& format, const Conversation& conversation, std::size_t index,
             std::string_view whole, const std::tm& now) {
  const auto rendered = [&](std::size_t count, bool prompt) {
    return render_chat(format, first_messages(conversation, count), prompt, now).text;
  };
  require(index > 0, "the conversation begins with an answer, which no generation prompt precedes");
  const std::string before = rendered(index, false), prompt = rendered(index, true);
  const std::string turn = rendered(index + 1, false);
  const auto begin = static_cast<std::size_t>(std::ranges::mismatch(whole, prompt).in1 - whole.begin());
  const bool alike = whole.starts_with(before) && begin >= before.size() &&
                     std::string_view(turn).starts_with(whole.substr(0, begin));
  const std::size_t length =
      alike ? turn_length(whole.substr(begin), std::string_view(turn).substr(begin)) : 0;
  require(length > 0,
          "the chat template writes the messages before or at message {} differently where others follow, so "
          "that "
          "the answer is not found; {{% generation %}} in the template marks it",
          index + 1);
  return {begin, begin + length};
}

}  // namespace

Rendered render_with_answers(const ChatFormat& format, const Conversation& conversation, std::size_t first,
                             const std::tm& now) {
  Rendered whole = render_chat(format, conversation, false, now);
  const std::vector<std::size_t> answers = answers_of(conversation.messages);
  const auto left_out = static_cast<std::size_t>(std::ranges::lower_bound(answers, first) - answers.begin());
  require(left_out < answers.size(), "no message has the role 'assistant', so there is no answer to learn");
  if (!format.form.marks_answers()) {
    for (std::size_t i = left_out; i < answers.size(); ++i)
      whole.answers.push_back(span_of(format, conversation, answers[i], whole.text, now));
    return whole;
  }
  if (left_out == 0) return whole;
  require(whole.answers.size() == answers.size(),
          "the chat template marks {} parts by {{% generation %}} for {} answers, so that those of the "
          "prompt are not "
          "known",
          whole.answers.size(), answers.size());
  whole.answers.erase(whole.answers.begin(), whole.answers.begin() + static_cast<std::ptrdiff_t>(left_out));
  return whole;
}

}  // namespace zofo::chat
