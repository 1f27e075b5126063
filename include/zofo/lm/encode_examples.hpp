/// @file A task's examples and their answer choices as token ids, checked against the model's context.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/data/task.hpp"
#include "zofo/lm/encode_text.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/lm/language_model.hpp"

namespace zofo::llm {

/// What examples are encoded for. Training with Loss::answer needs only the correct choice.
enum class Purpose { scoring, training };

/// Throws Error unless every choice has a token, and the prompt of `prompt` tokens and the longest choice fit
/// into the context, of which an adapter reserves `reserved` positions (peft::virtual_tokens). The message
/// starts with `location`.
void check_length(const Model& model, std::size_t prompt, const OptionTokens& options,
                  std::string_view location, std::uint32_t reserved = 0);

/// What to set where a prompt is too long: the end of a message. `others`: tokens of the context that the
/// prompt cannot have. Empty if they leave none.
std::string shorter_prompts(std::size_t context, std::size_t others);

/// Encodes examples of one task such that an adapter can reserve `reserved` positions of the context. Borrows
/// the model, the task and the demonstrations. For one thread.
class ExampleEncoder {
 public:
  /// `demonstrations` are put before every prompt, as many as fit.
  ExampleEncoder(const Model& model, const data::Task& task, Purpose purpose,
                 std::span<const std::string> demonstrations = {}, std::uint32_t reserved = 0);

  /// Encodes an example and borrows it. Throws Error starting with `location` if it does not fit into the
  /// context.
  [[nodiscard]] EncodedExample operator()(const data::Example& example, std::string_view location) const;

  /// Only the prompt of an example of kind generate, whose answer may be unknown. Throws Error as operator().
  [[nodiscard]] EncodedExample only_prompt(const data::Example& example, std::string_view location) const;

  /// The same choices after the neutral prompt, for calibration. Throws Error starting with `location` where
  /// the neutral prompt is blank.
  [[nodiscard]] EncodedExample neutral(const EncodedExample& example, std::string_view location) const;

 private:
  [[nodiscard]] const chat::ChatFormat& chat_format(bool with_tools) const;
  // The choices that are encoded of an example, each after its own prompt.
  [[nodiscard]] std::vector<PromptAndText> choices_of(const data::Example& example) const;
  // Choices with the last `demonstrations` before their prompts.
  [[nodiscard]] EncodedChoices encode(std::span<const PromptAndText> choices,
                                      std::size_t demonstrations) const;
  // Equal choices of several examples are one object.
  [[nodiscard]] std::shared_ptr<const OptionTokens> shared(OptionTokens options) const;
  // The largest number of demonstrations with which the prompt fits.
  [[nodiscard]] std::size_t fitting(std::string_view text, std::size_t added) const;
  [[nodiscard]] std::string prompt_text(std::size_t demonstrations, std::string_view text) const;
  [[nodiscard]] Tokens prompt(std::string_view text) const;

  const Model* model_;
  const data::Task* task_;
  std::span<const std::string> demonstrations_;
  std::uint32_t reserved_;
  bool correct_only_ = false;  // only the correct choice of each example
  mutable std::map<std::vector<Tokens>, std::shared_ptr<const OptionTokens>> known_;  // by the choices' ids
  mutable std::array<std::shared_ptr<const chat::ChatFormat>, 2> formats_;  // of chats without and with tools
};

/// The first `limit` examples (0: all) as token ids; they borrow the examples. Throws Error starting with
/// `file` and line for a prompt longer than the context.
std::vector<EncodedExample> encode_examples(const ExampleEncoder& encoder,
                                            std::span<const data::Example> examples, std::size_t limit,
                                            std::string_view file);

/// Sets the weights of training examples to those of their classes (Task::class_weights). Balanced weights
/// count these examples, of classes without an example there is none. Nothing happens without class weights.
void set_class_weights(const data::Task& task, std::span<EncodedExample> examples);

}  // namespace zofo::llm
