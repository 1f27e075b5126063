/// @file Templates of train/generate_sequences.hpp, for a program with its own device.
#pragma once

#include <cstddef>
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
  return detail::checked_prompt(of.state().model, of.state().reserved(), text, location, max_prompt_tokens);
}

template <class Device>
Tokens chat_tokens(const RunModel<Device>& of, const chat::Conversation& conversation,
                   std::string_view location, std::size_t max_prompt_tokens) {
  return detail::checked_chat(of.state().model, of.state().reserved(), conversation, location,
                              max_prompt_tokens);
}

template <class Device>
std::vector<Generation> generate(RunModel<Device>& model, std::span<const Tokens> prompts,
                                 const GenerateOptions& options, const TokenObserver& on_token) {
  options.check();
  if (prompts.empty()) return {};
  auto& of = model.state();
  of.device.reserve_generation(
      of.transformer->config(), of.transformer->adapters(),
      cache_capacity(*of.transformer, of.adapter_or_null(), prompts, options.end, options.greedy),
      prefill_tokens<typename Device::Backend>(prompts));
  return greedy_decode(of.model, *of.transformer, of.theta, of.adapter_or_null(), prompts, options.end,
                       options.greedy, on_token);
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
  // Several times the size of a pass, so that a long text does not delay the others.
  const std::size_t sequences = options.greedy.sequences;
  const std::size_t most = 8 * (sequences == 0 ? Device::Backend::max_batch_sequences : sequences);
  data::JsonRows rows(lines);
  return data::answer_requests(
      rows,
      [](const nlohmann::json& fields) {
        return data::other_fields(fields, {"prompt", "messages", "tools"});
      },
      [&](const data::JsonLine& line) {
        return detail::prompt_of_line(of.state().model, of.state().reserved(), line,
                                      options.max_prompt_tokens);
      },
      [most](const std::vector<Tokens>& prompts) { return prompts.size() >= most; },
      [&](const std::vector<Tokens>& prompts) {
        std::vector<std::string> answers;
        for (const Generation& each : generate(of, std::span<const Tokens>(prompts), options))
          answers.push_back(to_json_line(each));
        return answers;
      },
      write, flush);
}

}  // namespace zofo::llm
