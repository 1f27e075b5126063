/// @file A task's rows and options as token ids, checked against the model's context.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/task.hpp"
#include "zofo/tune/examples_batch.hpp"
#include "zofo/tune/load_model.hpp"

namespace zofo::tune {

/// The option words as ids, each on its own: they begin with the blank that ends the prompt's last word.
inline OptionTokens encode_options(const Model& model, std::span<const std::string> options) {
  OptionTokens encoded;
  for (const std::string& option : options) encoded.options.push_back(model.tokenizer.encode(option));
  encoded.check();
  return encoded;
}

/// Throws Error unless prompt and longest option fit into the context; `place` heads the message.
inline void check_length(const Model& model, std::size_t prompt, const OptionTokens& options,
                         std::string_view place) {
  std::size_t longest = 1;
  for (const Tokens& option : options.options) longest = std::max(longest, option.size());
  const std::size_t context = model.parameters.config().context;
  require(prompt >= 1, "{}: prompt has zero tokens: must have at least 1", place);
  require(prompt + longest - 1 <= context,
          "{}: prompt of {} tokens and option of {}: the model's context is {}", place, prompt, longest,
          context);
}

/// A prompt as ids, after the beginning-of-text token where the model has one.
inline Tokens encode_prompt(const Model& model, std::string_view text) {
  Tokens ids = model.tokenizer.encode(text);
  if (const auto bos = model.tokenizer.bos()) ids.insert(ids.begin(), *bos);
  return ids;
}

/// The first `limit` examples (0: all) as ids. Throws Error (file, line) on a prompt longer than the context.
inline std::vector<EncodedRow> encode_rows(const Model& model, const data::Task& task,
                                           const OptionTokens& options,
                                           std::span<const data::Example> examples, std::size_t limit,
                                           std::string_view file) {
  if (limit != 0) examples = examples.first(std::min(limit, examples.size()));
  std::vector<EncodedRow> rows;
  rows.reserve(examples.size());
  for (const data::Example& example : examples) {
    EncodedRow row{encode_prompt(model, example.prompt), example.label};
    task.shorten(row.prompt);
    check_length(model, row.prompt.size(), options, fmt::format("{}:{}", file, example.line));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace zofo::tune
