#include "zofo/lm/free_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "zofo/chat/answer_spans.hpp"
#include "zofo/core/error.hpp"
#include "zofo/lm/encode_text.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::llm {

namespace {

void require_fit(const Model& model, std::size_t length, std::string_view location, std::uint32_t reserved) {
  const std::size_t context = model.parameters.config().context;
  if (length + reserved <= context) return;  // the last token is only predicted
  fail("{}: {} tokens: the model's context is {}{}; --max-length {} cuts longer rows", location, length + 1,
       context, reserved > 0 ? fmt::format(", of which the adapter takes {}", reserved) : "",
       context + 1 > reserved ? context + 1 - reserved : 1);
}

EncodedExample example_of(MarkedTokens tokens, const data::Task& task) {
  OptionTokens options{{{}}, {}, data::Score::sum, data::Loss::tokens};
  for (std::size_t i = 1; i < tokens.ids.size(); ++i) {
    if (!tokens.learnt[i]) continue;
    options.options[0].push_back(tokens.ids[i]);
    options.positions.push_back(static_cast<std::uint32_t>(i - 1));
  }
  require(!options.positions.empty(), "{}",
          task.max_length > 0 ? fmt::format("--max-length {} leaves no token of an answer", task.max_length)
                              : "no token of an answer");
  EncodedExample encoded;
  tokens.ids.resize(options.positions.back() + 1);
  encoded.prompt = std::move(tokens.ids);
  encoded.options = std::make_shared<const OptionTokens>(std::move(options));
  return encoded;
}

}  // namespace

std::vector<chat::Span> token_spans(const tokenize::Tokenizer& tokenizer, const Tokens& ids,
                                    std::string_view text) {
  std::vector<chat::Span> spans;
  std::size_t at = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    // The first token of a text may lose the blank that its spelling begins with, so others follow one.
    std::string piece = tokenizer.decode(std::span(ids).subspan(i == 0 ? 0 : i - 1, i == 0 ? 1 : 2));
    if (i > 0) piece.erase(0, tokenizer.decode(std::span(ids).subspan(i - 1, 1)).size());
    const std::string_view rest = text.substr(at);
    std::string_view spelled = piece;
    if (!rest.starts_with(spelled) && spelled.starts_with(' '))
      spelled.remove_prefix(1);  // one that was put in
    const bool blank_is_lost =
        !rest.starts_with(spelled) && rest.starts_with(' ') && rest.substr(1).starts_with(spelled);
    require(blank_is_lost || rest.starts_with(spelled),
            "token {} of {} does not spell the text at byte {}: the tokenizer changes the text, so that its "
            "answers are "
            "not found",
            i + 1, ids.size(), at);
    const std::size_t end = at + spelled.size() + (blank_is_lost ? 1 : 0);
    spans.push_back({at, end});
    at = end;
  }
  require(at == text.size(), "the tokens spell {} of {} bytes of the text", at, text.size());
  return spans;
}

MarkedTokens encode_conversation(const tokenize::Tokenizer& tokenizer, const chat::ChatFormat& format,
                                 const chat::Conversation& conversation, std::size_t first) {
  const chat::Rendered rendered = chat::render_with_answers(format, conversation, first);
  MarkedTokens tokens{tokenizer.with_special(true).encode(rendered.text), {}};
  std::size_t next = 0;
  for (const chat::Span& token : token_spans(tokenizer, tokens.ids, rendered.text)) {
    while (next < rendered.answers.size() && token.begin >= rendered.answers[next].end) ++next;
    tokens.learnt.push_back(next < rendered.answers.size() && token.end > rendered.answers[next].begin);
  }
  return tokens;
}

MarkedTokens encode_completion(const Model& model, std::string_view prompt, std::string_view text) {
  MarkedTokens tokens;
  if (prompt.empty()) {
    tokens.ids = encode_prompt(model, text);
    tokens.learnt.assign(tokens.ids.size(), true);
  } else {
    const EncodedPair pair = encode_pair(model, {prompt, text});
    tokens.ids = pair.prompt;
    tokens.ids.insert(tokens.ids.end(), pair.text.begin(), pair.text.end());
    tokens.learnt.assign(pair.prompt.size(), false);
    tokens.learnt.resize(tokens.ids.size(), true);
  }
  if (const auto eos = model.tokenizer.eos()) {
    tokens.ids.push_back(*eos);
    tokens.learnt.push_back(true);
  }
  return tokens;
}

EncodedExample encode_text(const Model& model, const data::Task& task, const data::Example& example,
                           std::string_view location, std::uint32_t reserved,
                           const std::function<const chat::ChatFormat&(bool)>& format) {
  EncodedExample encoded = parse::with_path(location, [&] {
    MarkedTokens tokens;
    if (example.conversation.empty()) {
      const data::Continuation& row = example.continuations.at(0);
      tokens = encode_completion(model, row.prompt, row.text);
    } else {
      const nlohmann::ordered_json row = parse::parse_ordered_json(example.conversation);
      chat::Conversation chat{chat::value_of(row.at("messages"))};
      if (row.contains("tools")) chat.tools = chat::value_of(row.at("tools"));
      tokens =
          encode_conversation(model.tokenizer, format(row.contains("tools")), chat, example.prompt_messages);
    }
    if (task.max_length > 0 && tokens.ids.size() > task.max_length) tokens.ids.resize(task.max_length);
    return example_of(std::move(tokens), task);
  });
  encoded.source = &example;
  require_fit(model, encoded.prompt.size(), location, reserved);
  return encoded;
}

}  // namespace zofo::llm
