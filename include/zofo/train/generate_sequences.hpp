/// @file Texts that a model, or what a run made of it, writes after prompts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/data/jsonl.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/generate.hpp"
#include "zofo/parse/line_source.hpp"
#include "zofo/tokenize/utf8.hpp"
#include "zofo/train/run_model.hpp"

namespace zofo::llm {

/// When a text ends, and how many are written together.
struct GenerateOptions {
  EndOfText end{"", 64};
  GreedyOptions greedy{};

  /// Throws Error naming the field out of range.
  void check() const {
    constexpr std::size_t most = std::size_t{1} << 22U;  // the longest context that a model may have
    require(end.max_tokens >= 1 && end.max_tokens <= most, "--max-new-tokens {}: must be between 1 and {}",
            end.max_tokens, most);
    greedy.check();
  }
};

/// Throws Error headed by `place` for a prompt that is empty or no valid UTF-8.
inline void check_prompt(const std::string& text, std::string_view location) {
  require(!text.empty(), "{}: must not be empty", location);
  tokenize::utf8::require_valid(text, location);
}

/// A prompt as ids, with space for a token after it. Throws Error headed by `place` where there is none.
template <class Device>
Tokens prompt_tokens(const RunModel<Device>& of, const std::string& text, std::string_view location) {
  check_prompt(text, location);
  Tokens ids = encode_prompt(of.model, text);
  require(!ids.empty(), "{}: prompt has zero tokens: must have at least 1", location);
  const std::size_t context = of.model.parameters.config().context;
  const std::size_t taken = of.taken();
  require(ids.size() + taken <= context, "{}: prompt of {} tokens: the model's context is {}{}", location,
          ids.size(), context, taken > 0 ? fmt::format(", of which the run's adapter takes {}", taken) : "");
  return ids;
}

/// Told of text i after each of its tokens.
using TokenObserver = std::function<void(std::size_t, const Generation&)>;

/// Writes a text after each prompt, always the most probable token. Throws Error where the device has not
/// enough memory.
template <class Device>
std::vector<Generation> generate(RunModel<Device>& of, std::span<const Tokens> prompts,
                                 const GenerateOptions& options = {}, const TokenObserver& told = {}) {
  options.check();
  if (prompts.empty()) return {};
  of.device.reserve_generation(
      of.transformer->config(), of.transformer->adapters(),
      cache_capacity(*of.transformer, of.adapter_or_null(), prompts, options.end, options.greedy),
      prefill_tokens<typename Device::Backend>(prompts));
  return greedy_decode(of.model, *of.transformer, of.theta, of.adapter_or_null(), prompts, options.end,
                       options.greedy, told);
}
/// The same after texts. Throws Error naming the number of a prompt that does not fit the model.
template <class Device>
std::vector<Generation> generate(RunModel<Device>& of, std::span<const std::string> prompts,
                                 const GenerateOptions& options = {}, const TokenObserver& told = {}) {
  std::vector<Tokens> ids;
  for (std::size_t i = 0; i < prompts.size(); ++i)
    ids.push_back(prompt_tokens(of, prompts[i], fmt::format("prompt {}", i + 1)));
  return generate(of, std::span<const Tokens>(ids), options, told);
}

/// A written text as a JSON object; bytes of a character that the last token leaves unfinished are replaced.
inline std::string to_json_line(const Generation& generation) {
  const nlohmann::json object = {{"text", generation.text},
                                 {"tokens", generation.written()},
                                 {"prompt_tokens", generation.prompt},
                                 {"end", name_of(generation.ending)}};
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Bytes of a text in progress that neither the stop nor the rest of a character can take back.
inline std::size_t settled_bytes(const Generation& generation, const EndOfText& end) {
  const std::string& text = generation.text;
  if (generation.ending != Ending::none) return text.size();
  const std::size_t open = std::min(text.size(), end.stop.empty() ? 0 : end.stop.size() - 1);
  const std::string_view settled = std::string_view(text).substr(0, text.size() - open);
  const std::size_t tail = settled.size() - std::min<std::size_t>(settled.size(), 3);
  // An unfinished character is at most three bytes, the first of which says how many follow.
  for (std::size_t at = tail; at < settled.size(); ++at) {
    const auto byte = static_cast<unsigned char>(settled[at]);
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    if (at + length > settled.size()) return at;
  }
  return settled.size();
}

/// Answers lines {"prompt": TEXT} with texts as JSON objects; `write(line)` gets each, `flush()` is called
/// after every group. Throws Error naming a line that is no such object, once the lines before are answered.
template <class Device>
void generate_lines(RunModel<Device>& of, parse::LineSource& lines, const GenerateOptions& options,
                    const std::function<void(const std::string&)>& write, const std::function<void()>& flush) {
  // Several times what shares a pass, so that a long text holds up no others.
  const std::size_t sequences = options.greedy.sequences;
  const std::size_t most = 8 * (sequences == 0 ? Device::Backend::max_batch_sequences : sequences);
  std::vector<Tokens> waiting;
  const auto take = [&](const std::string& line, std::size_t number) {
    const data::JsonLine row = data::parse_json_line(line, lines.name(), number);
    const nlohmann::json& prompt = row.at("prompt");
    require(prompt.is_string(), "{}: field 'prompt' is {}: must be a string", row.location(),
            prompt.type_name());
    waiting.push_back(prompt_tokens(of, prompt.get_ref<const std::string&>(), row.location()));
    return waiting.size() >= most;
  };
  const auto answer = [&] {
    for (const Generation& each : generate(of, std::span<const Tokens>(waiting), options))
      write(to_json_line(each));
    flush();  // whoever asks line by line waits for it
    waiting.clear();
  };
  parse::answer_lines(lines, take, answer);
}

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_GENERATE_INSTANCES(PREFIX, DEVICE)                                                             \
  PREFIX template Tokens prompt_tokens(const RunModel<DEVICE>&, const std::string&, std::string_view);      \
  PREFIX template std::vector<Generation> generate(RunModel<DEVICE>&, std::span<const Tokens>,              \
                                                   const GenerateOptions&, const TokenObserver&);               \
  PREFIX template std::vector<Generation> generate(RunModel<DEVICE>&, std::span<const std::string>,         \
                                                   const GenerateOptions&, const TokenObserver&);               \
  PREFIX template void generate_lines(RunModel<DEVICE>&, parse::LineSource&, const GenerateOptions&,        \
                                      const std::function<void(const std::string&)>&,                       \
                                      const std::function<void()>&);

// zofo::llm holds those of the CPU.
ZOFO_GENERATE_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
