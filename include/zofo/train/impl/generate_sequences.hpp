/// @file Templates of train/generate_sequences.hpp, for a program with its own device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/data/request_lines.hpp"
#include "zofo/lm/generate.hpp"
#include "zofo/parse/line_source.hpp"
#include "zofo/train/generate_sequences.hpp"
#include "zofo/train/impl/prompts.hpp"
#include "zofo/train/impl/run_model.hpp"

namespace zofo::llm {

template <class Device>
Tokens prompt_tokens(const RunModel<Device>& of, const std::string& text, std::string_view location,
                     std::size_t max_prompt_tokens) {
  return checked_prompt(of.state().model, of.state().reserved(), text, location, max_prompt_tokens);
}

template <class Device>
Tokens chat_tokens(const RunModel<Device>& of, const chat::Conversation& conversation,
                   std::string_view location, std::size_t max_prompt_tokens) {
  return checked_chat(of.state().model, of.state().reserved(), conversation, location, max_prompt_tokens);
}

namespace detail {

/// A prompt with its number, which keys its texts.
struct NumberedPrompt {
  Tokens tokens;         ///< at least one
  std::uint32_t number;  ///< from 0
};

/// llm::generate.
template <class Device>
std::vector<Generation> generate_numbered(RunModel<Device>& model, std::span<const NumberedPrompt> prompts,
                                          const GenerateOptions& options, const TokenObserver& on_token) {
  options.check();
  if (prompts.empty()) return {};
  std::vector<Tokens> texts;  // each prompt once for every text
  std::vector<SampleKey> keys;
  for (const NumberedPrompt& prompt : prompts)
    for (std::uint32_t sample = 0; sample < options.num_return_sequences; ++sample) {
      texts.push_back(prompt.tokens);
      keys.push_back({prompt.number, sample});
    }
  auto& of = model.state();
  of.device.reserve_generation(
      of.transformer->config(), of.transformer->adapters(),
      cache_capacity(*of.transformer, of.adapter_or_null(), texts, options.end, options.decoder),
      prefill_tokens<typename Device::Backend>(texts));
  std::vector<Generation> all = decode(of.model, *of.transformer, of.theta, of.adapter_or_null(), texts,
                                       options.end, {options.decoder, options.sampling, keys}, on_token);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].sample = keys[i].sample;
  return all;
}

}  // namespace detail

template <class Device>
std::vector<Generation> generate(RunModel<Device>& of, std::span<const Tokens> prompts,
                                 const GenerateOptions& options, const TokenObserver& on_token) {
  std::vector<detail::NumberedPrompt> numbered;
  for (const Tokens& each : prompts) numbered.push_back({each, static_cast<std::uint32_t>(numbered.size())});
  return detail::generate_numbered<Device>(of, numbered, options, on_token);
}

template <class Device>
std::vector<Generation> generate(RunModel<Device>& of, std::span<const std::string> prompts,
                                 const GenerateOptions& options, const TokenObserver& on_token) {
  std::vector<Tokens> ids;
  for (std::size_t i = 0; i < prompts.size(); ++i)
    ids.push_back(
        prompt_tokens(of, prompts[i], "prompt " + std::to_string(i + 1), options.max_prompt_tokens));
  return generate(of, std::span<const Tokens>(ids), options, on_token);
}

template <class Device>
std::size_t generate_lines(RunModel<Device>& of, parse::LineSource& lines, const GenerateOptions& options,
                           const std::function<void(const std::string&)>& write,
                           const std::function<void()>& flush) {
  using Prompt = detail::NumberedPrompt;
  const std::size_t samples = options.num_return_sequences;
  // Several times the size of a pass, so that a long text does not delay the others.
  const std::size_t sequences = options.decoder.sequences;
  const std::size_t most = 8 * (sequences == 0 ? Device::Backend::max_batch_sequences : sequences);
  data::JsonRows rows(lines);
  return data::answer_requests(
      rows,
      [](const nlohmann::json& fields) {
        return data::other_fields(fields, {"prompt", "messages", "tools"});
      },
      [&](const data::JsonLine& line) {
        return Prompt{
            detail::prompt_of_line(of.state().model, of.state().reserved(), line, options.max_prompt_tokens),
            static_cast<std::uint32_t>(line.line - 1)};
      },
      [&](const std::vector<Prompt>& prompts) { return prompts.size() * samples >= most; },
      [&](const std::vector<Prompt>& prompts) {
        std::vector<std::string> answers;
        for (const Generation& each : detail::generate_numbered<Device>(of, prompts, options, {}))
          answers.push_back(to_json_line(each, samples));
        return answers;
      },
      write, flush);
}

}  // namespace zofo::llm
