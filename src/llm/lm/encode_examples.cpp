#include "zofo/lm/encode_examples.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/data/demonstrations.hpp"

namespace zofo::llm {
namespace {

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

OptionTokens encode_options(const Model& model, std::span<const std::string> options) {
  OptionTokens encoded;
  for (const std::string& option : options) encoded.options.push_back(model.tokenizer.encode(option));
  encoded.check();
  return encoded;
}

void check_length(const Model& model, std::size_t prompt, const OptionTokens& options,
                  std::string_view location, std::uint32_t reserved) {
  const std::size_t context = model.parameters.config().context;
  for (std::size_t i = 0; i < options.options.size(); ++i) {
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

Tokens encode_prompt(const Model& model, std::string_view text) {
  Tokens ids = model.tokenizer.encode(text);
  if (const auto bos = model.tokenizer.bos()) ids.insert(ids.begin(), *bos);
  return ids;
}

ExampleEncoder::ExampleEncoder(const Model& model, const data::Task& task, Purpose purpose,
                               std::span<const std::string> demonstrations, std::uint32_t reserved)
    : model_(&model), task_(&task), demonstrations_(demonstrations), reserved_(reserved) {
  correct_only_ = purpose == Purpose::training && task.loss == data::Loss::answer;
  if (task.kind == data::Kind::choice) share_options();
}

EncodedExample ExampleEncoder::operator()(const data::Example& example, std::string_view location) const {
  EncodedExample encoded;
  encoded.source = &example;
  encoded.label = correct_only_ ? 0 : example.label;
  if (task_->kind == data::Kind::choice) {
    encoded.options = correct_only_ ? shared_.at(static_cast<std::size_t>(example.label)) : shared_.front();
    encoded.prompt = prompt(example.prompt, encoded.options->longest());
  } else {
    encode_continuations(example, encoded);
  }
  check_length(*model_, encoded.prompt.size(), *encoded.options, location, reserved_);
  return encoded;
}

EncodedExample ExampleEncoder::only_prompt(const data::Example& example, std::string_view location) const {
  EncodedExample encoded;
  encoded.source = &example;
  encoded.label = example.label;
  encoded.prompt = prompt(example.prompt, 1);
  const std::size_t length = encoded.prompt.size(), context = model_->parameters.config().context;
  require(length >= 1, "{}: prompt has zero tokens: must have at least 1", location);
  require(length + reserved_ <= context, "{}: prompt of {} tokens: the model's context is {}{}{}", location,
          length, context, reserved_ > 0 ? fmt::format(", of which the adapter takes {}", reserved_) : "",
          shorter_prompts(context, reserved_));
  return encoded;
}

EncodedExample ExampleEncoder::neutral(const EncodedExample& example, std::string_view location) const {
  const auto ids = [&](const std::string& text) {
    require(!data::is_blank(text), "{}: the prompt without the example is blank: neutral must be given",
            location);
    return encode_prompt(*model_, text);
  };
  if (task_->kind == data::Kind::choice)
    return {ids(example.source->neutral), example.label, example.options};
  OptionTokens options = *example.options;
  std::vector<Tokens> prompts;
  for (const data::Continuation& each : example.source->continuations) prompts.push_back(ids(each.neutral));
  EncodedExample encoded{split_prompts(std::move(prompts), options), example.label};
  encoded.options = std::make_shared<const OptionTokens>(std::move(options));
  return encoded;
}

void ExampleEncoder::share_options() {
  OptionTokens all = encode_options(*model_, task_->choices);
  all.score = task_->score;
  all.loss = task_->loss;
  if (!correct_only_) return shared_.push_back(std::make_shared<const OptionTokens>(std::move(all)));
  for (const Tokens& option : all.options)
    shared_.push_back(std::make_shared<const OptionTokens>(OptionTokens{{option}, {}, all.score, all.loss}));
}

void ExampleEncoder::encode_continuations(const data::Example& example, EncodedExample& encoded) const {
  OptionTokens options{{}, {}, task_->score, task_->loss};
  std::span<const data::Continuation> given = example.continuations;
  if (correct_only_) given = given.subspan(static_cast<std::size_t>(example.label), 1);
  for (const data::Continuation& each : given) options.options.push_back(model_->tokenizer.encode(each.text));
  std::size_t shown = demonstrations_.size();
  for (const data::Continuation& each : given)
    shown = std::min(shown, fitting(each.prompt, options.longest()));
  std::vector<Tokens> prompts;
  for (const data::Continuation& each : given) prompts.push_back(prompt_after(shown, each.prompt));
  encoded.prompt = split_prompts(std::move(prompts), options);
  encoded.options = std::make_shared<const OptionTokens>(std::move(options));
}

std::size_t ExampleEncoder::fitting(const std::string& text, std::size_t added) const {
  return data::demonstrations_that_fit(
      demonstrations_, task_->separator, text, [&](const std::string& whole) {
        const std::size_t length = encode_prompt(*model_, whole).size();
        return length + added + reserved_ <= model_->parameters.config().context &&
               (task_->max_prompt_tokens == 0 || length <= task_->max_prompt_tokens);
      });
}

Tokens ExampleEncoder::prompt_after(std::size_t demonstrations, const std::string& text) const {
  Tokens ids = encode_prompt(
      *model_, data::with_demonstrations(demonstrations_, demonstrations, task_->separator, text));
  task_->shorten(ids);
  return ids;
}

Tokens ExampleEncoder::prompt(const std::string& text, std::size_t added) const {
  return prompt_after(fitting(text, added), text);
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
