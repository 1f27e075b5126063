#include "zofo/lm/encode_text.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "zofo/data/task_definition.hpp"
#include "zofo/tokenize/utf8.hpp"
#include "zofo/tokenize/whitespace.hpp"

namespace zofo::llm {
namespace {

// The text without white space at its end, as Python's str.rstrip() removes it.
std::string_view without_end_space(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t code = tokenize::utf8::next(text, at);
    const bool separator = code >= 0x1C && code <= 0x1F;  // white space to Python, not to Unicode
    if (!separator && !tokenize::is_whitespace(code)) end = at;
  }
  return text.substr(0, end);
}

std::string joined(const PromptAndText& pair) { return std::string(pair.prompt).append(pair.text); }

Tokens after(const Tokens& whole, std::size_t prompt) {
  return Tokens(whole.begin() + static_cast<std::ptrdiff_t>(std::min(prompt, whole.size())), whole.end());
}

// The ids of a prompt that is encoded for several texts in a row.
class EncodedPrompt {
 public:
  explicit EncodedPrompt(const Model& model) : model_(model) {}
  const Tokens& of(std::string_view text) {
    if (!ids_ || text != text_) {
      ids_ = encode_prompt(model_, text);
      text_ = text;
    }
    return *ids_;
  }

 private:
  const Model& model_;
  std::string text_;
  std::optional<Tokens> ids_;
};

EncodedPair encode_pair(const Model& model, EncodedPrompt& prompts, const PromptAndText& pair) {
  const Tokens whole = encode_prompt(model, joined(pair));
  const Tokens& prompt = prompts.of(pair.prompt);
  const bool begins = std::ranges::mismatch(prompt, whole).in1 == prompt.end();
  const std::string_view shorter = without_end_space(pair.prompt);
  if (begins || shorter.empty() || shorter.size() == pair.prompt.size())
    return {prompt, after(whole, prompt.size())};
  Tokens kept = encode_prompt(model, shorter);
  Tokens text = after(whole, kept.size());
  return {std::move(kept), std::move(text)};
}

// Returns the common prefix of all prompts; the rest of each prompt becomes its choice's context.
Tokens split_prompts(std::vector<Tokens> prompts, OptionTokens& options) {
  std::size_t common = prompts.front().size();
  for (const Tokens& each : prompts) {
    const auto differ = std::ranges::mismatch(prompts.front(), each).in1 - prompts.front().begin();
    common = std::min(common, static_cast<std::size_t>(differ));
  }
  const bool all = std::ranges::all_of(prompts, [&](const Tokens& p) { return p.size() == common; });
  Tokens shared(prompts.front().begin(), prompts.front().begin() + static_cast<std::ptrdiff_t>(common));
  options.contexts.clear();
  if (all) return shared;
  for (Tokens& each : prompts) {
    each.erase(each.begin(), each.begin() + static_cast<std::ptrdiff_t>(common));
    options.contexts.push_back(std::move(each));
  }
  return shared;
}

}  // namespace

Tokens encode_prompt(const Model& model, std::string_view text) {
  Tokens ids = model.tokenizer.encode(text);
  if (const auto bos = model.tokenizer.bos()) ids.insert(ids.begin(), *bos);
  return ids;
}

void shorten_prompt(const Model& model, Tokens& prompt, std::size_t most) {
  data::keep_last(prompt, most, model.tokenizer.bos() ? 1 : 0);
}

EncodedPair encode_pair(const Model& model, const PromptAndText& pair) {
  EncodedPrompt prompts(model);
  return encode_pair(model, prompts, pair);
}

EncodedChoices encode_choices(const Model& model, std::span<const PromptAndText> choices,
                              std::size_t max_prompt_tokens) {
  EncodedChoices encoded;
  EncodedPrompt given(model);
  std::vector<Tokens> prompts;
  for (const PromptAndText& each : choices) {
    EncodedPair pair = encode_pair(model, given, each);
    shorten_prompt(model, pair.prompt, max_prompt_tokens);
    prompts.push_back(std::move(pair.prompt));
    encoded.options.options.push_back(std::move(pair.text));
  }
  encoded.prompt = split_prompts(std::move(prompts), encoded.options);
  return encoded;
}

}  // namespace zofo::llm
