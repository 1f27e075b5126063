#include "zofo/lm/encode_examples.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/data/demonstrations.hpp"
#include "zofo/lm/free_text.hpp"

namespace zofo::llm {

void check_length(const Model& model, std::size_t prompt, const OptionTokens& options,
                  std::string_view location, std::uint32_t reserved) {
  const std::size_t context = model.parameters.config().context;
  for (std::size_t i = 0; i < options.options.size(); ++i) {
    require(
        !options.options[i].empty(),
        "{}: options[{}]: has zero tokens after the prompt: must have at least 1; a text and its prompt may "
        "be one token where no blank separates them",
        location, i);
    const std::size_t before = prompt + options.added(i) + 1 - options.options[i].size();
    require(before >= 1, "{}: prompt has zero tokens: must have at least 1", location);
  }
  if (prompt + options.longest() + reserved <= context) return;
  std::size_t option = 1;
  for (const Tokens& each : options.options) option = std::max(option, each.size());
  fail("{}: prompt of {} tokens and option of {}: the model's context is {}{}{}", location, prompt,
       options.longest() + 1, context,
       reserved > 0 ? fmt::format(", of which the adapter takes {}", reserved) : "",
       shorter_prompts(context + 1, option + reserved));
}

std::string shorter_prompts(std::size_t context, std::size_t others) {
  if (others >= context) return "";
  return fmt::format("; --max-prompt-tokens {} keeps the last tokens of longer prompts", context - others);
}

ExampleEncoder::ExampleEncoder(const Model& model, const data::Task& task, Purpose purpose,
                               std::span<const std::string> demonstrations, std::uint32_t reserved)
    : model_(&model), task_(&task), demonstrations_(demonstrations), reserved_(reserved) {
  correct_only_ = purpose == Purpose::training && task.loss == data::Loss::answer;
}

const chat::ChatFormat& ExampleEncoder::chat_format(bool with_tools) const {
  auto& parsed = formats_.at(with_tools ? 1 : 0);  // once, by the first conversation
  if (parsed == nullptr) parsed = std::make_shared<const chat::ChatFormat>(model_->chat.format(with_tools));
  return *parsed;
}

EncodedExample ExampleEncoder::operator()(const data::Example& example, std::string_view location) const {
  if (task_->kind == data::Kind::text)
    return encode_text(
        *model_, *task_, example, location, reserved_,
        [this](bool with_tools) -> const chat::ChatFormat& { return chat_format(with_tools); });
  const std::vector<PromptAndText> choices = choices_of(example);
  std::size_t shown = demonstrations_.size();
  if (shown > 0) {
    const std::size_t added = encode(choices, 0).options.longest();
    for (std::size_t i = 0; i < choices.size(); ++i)
      if (i == 0 || choices[i].prompt != choices[i - 1].prompt)
        shown = std::min(shown, fitting(choices[i].prompt, added));
  }
  EncodedChoices made = encode(choices, shown);
  check_length(*model_, made.prompt.size(), made.options, location, reserved_);
  EncodedExample encoded;
  encoded.source = &example;
  encoded.label = correct_only_ ? 0 : example.label;
  encoded.prompt = std::move(made.prompt);
  encoded.options = shared(std::move(made.options));
  if (task_->kind != data::Kind::generate) return encoded;
  encoded.generation_prompt = prompt(example.prompt);
  if (encoded.generation_prompt == encoded.prompt) encoded.generation_prompt.clear();
  return encoded;
}

EncodedExample ExampleEncoder::only_prompt(const data::Example& example, std::string_view location) const {
  EncodedExample encoded;
  encoded.source = &example;
  encoded.label = example.label;
  encoded.prompt = prompt(example.prompt);
  const std::size_t length = encoded.prompt.size(), context = model_->parameters.config().context;
  require(length >= 1, "{}: prompt has zero tokens: must have at least 1", location);
  require(length + reserved_ <= context, "{}: prompt of {} tokens: the model's context is {}{}{}", location,
          length, context, reserved_ > 0 ? fmt::format(", of which the adapter takes {}", reserved_) : "",
          shorter_prompts(context, reserved_));
  return encoded;
}

EncodedExample ExampleEncoder::neutral(const EncodedExample& example, std::string_view location) const {
  std::vector<PromptAndText> choices = choices_of(*example.source);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const data::Example& source = *example.source;
    choices[i].prompt = task_->kind == data::Kind::choice ? source.neutral : source.continuations[i].neutral;
    require(!data::is_blank(choices[i].prompt),
            "{}: the prompt without the example is blank: neutral must be given", location);
  }
  EncodedChoices made = encode_choices(*model_, choices, 0);
  made.options.score = task_->score;
  made.options.loss = task_->loss;
  check_length(*model_, made.prompt.size(), made.options, location, reserved_);
  return {std::move(made.prompt), example.label, shared(std::move(made.options))};
}

std::vector<PromptAndText> ExampleEncoder::choices_of(const data::Example& example) const {
  std::vector<PromptAndText> choices;
  if (task_->kind == data::Kind::choice) {
    for (const std::string& each : task_->choices) choices.push_back({example.prompt, each});
  } else {
    for (const data::Continuation& each : example.continuations) choices.push_back({each.prompt, each.text});
  }
  if (correct_only_) choices = {choices.at(static_cast<std::size_t>(example.label))};
  return choices;
}

EncodedChoices ExampleEncoder::encode(std::span<const PromptAndText> choices,
                                      std::size_t demonstrations) const {
  std::vector<std::string> prompts;
  for (const PromptAndText& each : choices) prompts.push_back(prompt_text(demonstrations, each.prompt));
  std::vector<PromptAndText> whole;
  for (std::size_t i = 0; i < choices.size(); ++i) whole.push_back({prompts[i], choices[i].text});
  EncodedChoices encoded = encode_choices(*model_, whole, task_->max_prompt_tokens);
  encoded.options.score = task_->score;
  encoded.options.loss = task_->loss;
  return encoded;
}

std::shared_ptr<const OptionTokens> ExampleEncoder::shared(OptionTokens options) const {
  if (task_->kind != data::Kind::choice || !options.contexts.empty())
    return std::make_shared<const OptionTokens>(std::move(options));
  std::shared_ptr<const OptionTokens>& known = known_[options.options];
  if (known == nullptr) known = std::make_shared<const OptionTokens>(std::move(options));
  return known;
}

std::size_t ExampleEncoder::fitting(std::string_view text, std::size_t added) const {
  return data::demonstrations_that_fit(
      demonstrations_, task_->separator, std::string(text), [&](const std::string& whole) {
        const std::size_t length = encode_prompt(*model_, whole).size();
        return length + added + reserved_ <= model_->parameters.config().context &&
               (task_->max_prompt_tokens == 0 || length <= task_->max_prompt_tokens);
      });
}

std::string ExampleEncoder::prompt_text(std::size_t demonstrations, std::string_view text) const {
  return data::with_demonstrations(demonstrations_, demonstrations, task_->separator, std::string(text));
}

Tokens ExampleEncoder::prompt(std::string_view text) const {
  Tokens ids = encode_prompt(*model_, prompt_text(fitting(text, 1), text));
  shorten_prompt(*model_, ids, task_->max_prompt_tokens);
  return ids;
}

std::vector<EncodedExample> encode_examples(const ExampleEncoder& encoder,
                                            std::span<const data::Example> examples, std::size_t limit,
                                            std::string_view file) {
  if (limit != 0) examples = examples.first(std::min(limit, examples.size()));
  std::vector<EncodedExample> encoded;
  encoded.reserve(examples.size());
  for (const data::Example& example : examples)
    encoded.push_back(encoder(example, fmt::format("{}:{}", file, example.line)));
  return encoded;
}

void set_class_weights(const data::Task& task, std::span<EncodedExample> examples) {
  if (!task.class_weights.given()) return;
  // Training with Loss::answer encodes only the correct choice, so `label` may be 0 for every class.
  const auto class_of = [](const EncodedExample& example) {
    return static_cast<std::size_t>(example.source != nullptr ? example.source->label : example.label);
  };
  std::map<std::size_t, std::size_t> counts;
  for (const EncodedExample& example : examples) ++counts[class_of(example)];
  const double share = static_cast<double>(examples.size()) / static_cast<double>(counts.size());
  for (EncodedExample& example : examples) {
    const std::size_t each = class_of(example);
    example.weight = task.class_weights.balanced ? share / static_cast<double>(counts.at(each))
                                                 : task.class_weights.values.at(each);
  }
}

}  // namespace zofo::llm
