// A conversation with a model in the terminal.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "cli.hpp"
#include "streamed_text.hpp"
#include "zofo/parse/line_source.hpp"
#include "zofo/train/generate_sequences.hpp"

namespace zofo::cli {

// The messages so far, in order.
class Conversation {
 public:
  void add(const char* role, const std::string& text) {
    messages_.push_back({{"role", role}, {"content", text}});
  }
  void remove_last() { messages_.erase(messages_.size() - 1); }
  void clear() { messages_.clear(); }
  [[nodiscard]] chat::Conversation value() const { return {chat::value_of(messages_)}; }

 private:
  nlohmann::ordered_json messages_ = nlohmann::ordered_json::array();
};

// The answer to the last message, printed while it is generated.
template <class Device>
std::string answer(llm::RunModel<Device>& of, const Conversation& conversation,
                   const llm::GenerateOptions& options) {
  const std::vector<llm::Tokens> prompt{
      llm::chat_tokens(of, conversation.value(), "the conversation", options.max_prompt_tokens)};
  StreamedText streamed(options.end);
  const std::vector<llm::Generation> generations =
      llm::generate(of, std::span<const llm::Tokens>(prompt), options,
                    [&](std::size_t, const llm::Generation& generation) { streamed.show(generation); });
  streamed.finish(generations.front());
  flush_output();
  return generations.front().text;
}

// Reads a message from each line and prints the answer to all messages so far, until /exit or the end of the
// input. Throws Error if the model has no chat template. A message that cannot be answered is left out of the
// conversation, and the reason is printed. The random numbers of answer i are those of the seed plus i.
template <class Device>
int converse(llm::RunModel<Device>& of, llm::GenerateOptions options) {
  (void)llm::chat_tokens(of, llm::user_message("Hello"), "--chat");  // an error now if there is no template
  fmt::print(stderr, "/reset begins a new conversation; /exit or Ctrl-D ends the program.\n");
  parse::LineSource lines(0, "stdin");
  Conversation conversation;
  std::string line;
  while (fmt::print(stderr, "> "), lines.next(line)) {
    if (line.empty()) continue;
    if (line == "/exit") return 0;
    if (line == "/reset") {
      conversation.clear();
      continue;
    }
    try {
      llm::check_prompt(line, "the message");
    } catch (const Error& error) {
      fmt::print(stderr, "{}\n", error.what());
      continue;
    }
    conversation.add("user", line);
    try {
      conversation.add("assistant", answer(of, conversation, options));
      ++options.sampling.seed;
    } catch (const Error& error) {
      conversation.remove_last();
      fmt::print(stderr, "{}\n", error.what());
    }
  }
  fmt::print(stderr, "\n");
  return 0;
}

}  // namespace zofo::cli
