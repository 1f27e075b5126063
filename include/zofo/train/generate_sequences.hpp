/// @file Texts that a model, or the result of a run, generates after prompts.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/lm/decoder_options.hpp"
#include "zofo/lm/generation_state.hpp"
#include "zofo/lm/prompt_tokens.hpp"
#include "zofo/lm/sampling_options.hpp"
#include "zofo/parse/line_source.hpp"
#include "zofo/train/run_model.hpp"

namespace zofo::llm {

/// When a text ends, how its tokens are chosen, and how many texts are generated.
struct GenerateOptions {
  EndOfText end{{}, 64};                 ///< of each text
  DecoderOptions decoder{};              ///< limits of a pass
  std::size_t max_prompt_tokens = 0;     ///< longer prompts keep their last tokens; 0: no limit
  SamplingOptions sampling{};            ///< the default is greedy
  std::size_t num_return_sequences = 1;  ///< texts of each prompt

  /// Throws Error naming the field out of range.
  void check() const;
};

/// The conversation of one message of the user.
chat::Conversation user_message(const std::string& text);

/// A prompt as ids, at least one position shorter than the context. Throws Error starting with `location`
/// where it does not fit. A prompt of more than `max_prompt_tokens` tokens keeps its last ones; 0: no limit.
template <class Device>
Tokens prompt_tokens(const RunModel<Device>& of, const std::string& text, std::string_view location,
                     std::size_t max_prompt_tokens = 0);

/// A conversation as ids with the generation prompt after it, by the model's chat template. Throws Error as
/// prompt_tokens, and where the model has no template.
template <class Device>
Tokens chat_tokens(const RunModel<Device>& of, const chat::Conversation& conversation,
                   std::string_view location, std::size_t max_prompt_tokens = 0);

/// Generates texts after each prompt, those of a prompt one after the other. The texts of prompt i do not
/// depend on the others: the random numbers are keyed by i, the number of the text, and the token's position
/// in it. `on_token`, if given, is called after each token with the number of the text in the result. Throws
/// Error where the device has not enough memory. A program with its own Device includes
/// train/impl/generate_sequences.hpp.
template <class Device>
std::vector<Generation> generate(RunModel<Device>& of, std::span<const Tokens> prompts,
                                 const GenerateOptions& options = {}, const TokenObserver& on_token = {});
/// The same for prompts as text. Throws Error naming the number of a prompt that does not fit the model.
template <class Device>
std::vector<Generation> generate(RunModel<Device>& of, std::span<const std::string> prompts,
                                 const GenerateOptions& options = {}, const TokenObserver& on_token = {});

/// A generated text as a JSON object; the bytes of a character that the last token left incomplete are
/// replaced.
/// `samples`: texts of each prompt; if there are several, it has its number.
std::string to_json_line(const Generation& generation, std::size_t samples = 1);

/// Number of bytes of an unfinished text that are final: neither the stop nor the rest of a character changes
/// them.
std::size_t settled_bytes(const Generation& generation, const EndOfText& end);

/// Answers lines {"prompt": TEXT}, or {"messages": [...]} of a conversation, with generated texts as JSON
/// objects; other fields of a line come back in its answers. The first line of the file is prompt 0.
/// `write(line)` gets each, `flush()` is called after every group. A line that cannot be answered gets
/// {"error": …} in its place; returns their number.
template <class Device>
std::size_t generate_lines(RunModel<Device>& of, parse::LineSource& lines, const GenerateOptions& options,
                           const std::function<void(const std::string&)>& write,
                           const std::function<void()>& flush);

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_GENERATE_INSTANCES(PREFIX, DEVICE)                                                             \
  PREFIX template Tokens prompt_tokens(const RunModel<DEVICE>&, const std::string&, std::string_view,       \
                                       std::size_t);                                                        \
  PREFIX template Tokens chat_tokens(const RunModel<DEVICE>&, const chat::Conversation&, std::string_view,  \
                                     std::size_t);                                                          \
  PREFIX template std::vector<Generation> generate(RunModel<DEVICE>&, std::span<const Tokens>,              \
                                                   const GenerateOptions&, const TokenObserver&);           \
  PREFIX template std::vector<Generation> generate(RunModel<DEVICE>&, std::span<const std::string>,         \
                                                   const GenerateOptions&, const TokenObserver&);           \
  PREFIX template std::size_t generate_lines(RunModel<DEVICE>&, parse::LineSource&, const GenerateOptions&, \
                                             const std::function<void(const std::string&)>&,                \
                                             const std::function<void()>&);

// zofo::llm holds those of the CPU.
ZOFO_GENERATE_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
