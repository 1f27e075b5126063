/// @file A task's rows and what may follow them as token ids, checked against the model's context.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/demonstrations.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/lm/language_model.hpp"

namespace zofo::llm {

/// What rows are encoded for: a loss that is the answer's alone needs no other option in training.
enum class Purpose { scoring, training };

/// Option words as ids, each on its own: they begin with the blank that ends the prompt's last word.
inline OptionTokens encode_options(const Model& model, std::span<const std::string> options) {
  OptionTokens encoded;
  for (const std::string& option : options) encoded.options.push_back(model.tokenizer.encode(option));
  encoded.check();
  return encoded;
}

/// Throws Error unless prompt and longest option fit into the context, of which an adapter takes `taken`
/// positions (peft::virtual_tokens); `place` heads the message.
inline void check_length(const Model& model, std::size_t prompt, const OptionTokens& options,
                         std::string_view place, std::uint32_t taken = 0) {
  const std::size_t context = model.parameters.config().context;
  for (std::size_t i = 0; i < options.options.size(); ++i) {
    const std::size_t before = prompt + options.added(i) + 1 - options.options[i].size();
    require(before >= 1, "{}: prompt has zero tokens: must have at least 1", place);
  }
  require(prompt + options.longest() + taken <= context,
          "{}: prompt of {} tokens and option of {}: the model's context is {}{}", place, prompt,
          options.longest() + 1, context,
          taken > 0 ? fmt::format(", of which the adapter takes {}", taken) : "");
}

/// A prompt as ids, after the beginning-of-text token where the model has one.
inline Tokens encode_prompt(const Model& model, std::string_view text) {
  Tokens ids = model.tokenizer.encode(text);
  if (const auto bos = model.tokenizer.bos()) ids.insert(ids.begin(), *bos);
  return ids;
}

/// Turns examples of one task into rows, which leave an adapter the `taken` positions that it takes. Borrows
/// the model, the task and the demonstrations.
class ExampleEncoder {
 public:
  ExampleEncoder(const Model& model, const data::Task& task, Purpose purpose,
                 std::span<const std::string> demonstrations = {}, std::uint32_t taken = 0)
      : model_(&model), task_(&task), demonstrations_(demonstrations), taken_(taken) {
    one_ = purpose == Purpose::training && task.loss == data::Loss::answer;
    if (task.kind == data::Kind::choice) share_options();
  }

  /// The row of an example, which it borrows. Throws Error, headed by `place`, if it does not fit the
  /// context.
  [[nodiscard]] EncodedExample operator()(const data::Example& example, std::string_view place) const {
    EncodedExample row;
    row.example = &example;
    if (task_->kind == data::Kind::choice) {
      const auto label = static_cast<std::size_t>(example.label);
      row.options = one_ ? shared_.at(label) : shared_.front();
      row.label = one_ ? 0 : example.label;
      row.prompt = prompt(example.prompt, row.options->longest());
    } else {
      row.label = one_ ? 0 : example.label;
      encode_continuations(example, row);
    }
    check_length(*model_, row.prompt.size(), *row.options, place, taken_);
    return row;
  }

  /// The row without what tells of it: the same options after the neutral prompt. Throws Error, headed by
  /// `place`, where the task has none.
  [[nodiscard]] EncodedExample neutral(const EncodedExample& row, std::string_view place) const {
    const auto ids = [&](const std::string& text) {
      require(!data::is_blank(text), "{}: the prompt without the row is blank: neutral must be given", place);
      return encode_prompt(*model_, text);
    };
    if (task_->kind == data::Kind::choice) return {ids(row.example->neutral), row.label, row.options};
    OptionTokens options = *row.options;
    std::vector<Tokens> prompts;
    for (const data::Continuation& each : row.example->continuations) prompts.push_back(ids(each.neutral));
    EncodedExample made{split_prompts(std::move(prompts), options), row.label};
    made.options = std::make_shared<const OptionTokens>(std::move(options));
    return made;
  }

 private:
  void share_options() {
    OptionTokens all = encode_options(*model_, task_->choices);
    all.score = task_->score;
    all.loss = task_->loss;
    if (!one_) return shared_.push_back(std::make_shared<const OptionTokens>(std::move(all)));
    for (const Tokens& option : all.options)
      shared_.push_back(
          std::make_shared<const OptionTokens>(OptionTokens{{option}, {}, all.score, all.loss}));
  }

  void encode_continuations(const data::Example& example, EncodedExample& row) const {
    OptionTokens options{{}, {}, task_->score, task_->loss};
    std::span<const data::Continuation> given = example.continuations;
    if (one_) given = given.subspan(static_cast<std::size_t>(example.label), 1);
    for (const data::Continuation& each : given)
      options.options.push_back(model_->tokenizer.encode(each.text));
    std::size_t shown = demonstrations_.size();
    for (const data::Continuation& each : given)
      shown = std::min(shown, fitting(each.prompt, options.longest()));
    std::vector<Tokens> prompts;
    for (const data::Continuation& each : given) prompts.push_back(prompt_after(shown, each.prompt));
    row.prompt = split_prompts(std::move(prompts), options);
    row.options = std::make_shared<const OptionTokens>(std::move(options));
  }

  /// The common beginning of all prompts; what is left of each becomes its option's context.
  static Tokens split_prompts(std::vector<Tokens> prompts, OptionTokens& options) {
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

  [[nodiscard]] std::size_t fitting(const std::string& text, std::size_t added) const {
    return data::demonstrations_that_fit(
        demonstrations_, task_->separator, text, [&](const std::string& whole) {
          const std::size_t length = encode_prompt(*model_, whole).size();
          return length + added + taken_ <= model_->parameters.config().context &&
                 (task_->max_prompt_tokens == 0 || length <= task_->max_prompt_tokens);
        });
  }
  [[nodiscard]] Tokens prompt_after(std::size_t shown, const std::string& text) const {
    Tokens ids =
        encode_prompt(*model_, data::with_demonstrations(demonstrations_, shown, task_->separator, text));
    task_->shorten(ids);
    return ids;
  }
  [[nodiscard]] Tokens prompt(const std::string& text, std::size_t added) const {
    return prompt_after(fitting(text, added), text);
  }

  const Model* model_;
  const data::Task* task_;
  std::span<const std::string> demonstrations_;
  std::uint32_t taken_;
  bool one_ = false;  ///< only the right option of each row
  std::vector<std::shared_ptr<const OptionTokens>> shared_;
};

/// The first `limit` examples (0: all) as rows, which borrow them. Throws Error (file, line) on a prompt
/// longer than the context.
inline std::vector<EncodedExample> encode_examples(const ExampleEncoder& encoder,
                                                   std::span<const data::Example> examples, std::size_t limit,
                                                   std::string_view file) {
  if (limit != 0) examples = examples.first(std::min(limit, examples.size()));
  std::vector<EncodedExample> rows;
  rows.reserve(examples.size());
  for (const data::Example& example : examples)
    rows.push_back(encoder(example, fmt::format("{}:{}", file, example.line)));
  return rows;
}

}  // namespace zofo::llm
