// What the command `generate` does on a device.
#pragma once

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli.hpp"
#include "line_source.hpp"
#include "served.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/tokenize/utf8.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/generate.hpp"

namespace zofo::cli {

// `zofo generate`: what the model writes after prompts, greedily. Prompts of the command line give texts, the
// only one as it is written; those of standard input, a JSON object a line, give JSON objects. Lines that are
// there already share passes.
struct Generate {
  std::string model;
  std::string run;
  std::vector<std::string> prompts;
  llm::EndOfText end{"", 64};
  llm::GreedyOptions options;
  bool json = false;

  // Throws Error naming what is out of range; the command line's own prompts are looked at before a model is
  // loaded.
  void check() const {
    constexpr std::size_t most = std::size_t{1} << 22U;  // the longest context that a model may have
    require(end.max_tokens >= 1 && end.max_tokens <= most, "--max-tokens {}: must be in [1, {}]",
            end.max_tokens, most);
    options.check();
    for (std::size_t i = 0; i < prompts.size(); ++i) check_prompt(prompts[i], place_of(i));
  }

  template <class Device>
  int on(Device& device) const {
    check();
    Served<Device> served(device, model, run);
    if (prompts.empty()) return answer_lines(device, served);
    std::vector<llm::Tokens> asked;
    for (std::size_t i = 0; i < prompts.size(); ++i) asked.push_back(encode(served, prompts[i], place_of(i)));
    const bool as_it_comes = prompts.size() == 1 && !json;
    std::size_t shown = 0;
    const auto told = [&](std::size_t, const llm::Writing& writing) {
      if (!as_it_comes) return;
      const std::size_t settled = settled_bytes(writing);
      if (settled <= shown) return;
      write_out("{}", std::string_view(writing.text).substr(shown, settled - shown));
      flush_output();
      shown = settled;
    };
    const std::vector<llm::Writing> written = write(device, served, asked, told);
    if (as_it_comes) write_out("{}\n", std::string_view(written[0].text).substr(shown));
    for (const llm::Writing& each : written)
      if (json || !as_it_comes) write_out("{}\n", json ? answer(each) : each.text);
    return 0;
  }

 private:
  [[nodiscard]] std::string place_of(std::size_t i) const {
    return prompts.size() == 1 ? "--prompt" : fmt::format("--prompt number {}", i + 1);
  }
  static void check_prompt(const std::string& text, std::string_view place) {
    require(!text.empty(), "{}: must not be empty", place);
    tokenize::utf8::require_valid(text, place);
  }

  // A prompt as ids, with room for a token after it. Throws Error headed by `place`.
  template <class Device>
  static llm::Tokens encode(const Served<Device>& served, const std::string& text, std::string_view place) {
    check_prompt(text, place);
    llm::Tokens ids = llm::encode_prompt(served.model, text);
    require(!ids.empty(), "{}: prompt has zero tokens: must have at least 1", place);
    const std::size_t context = served.model.parameters.config().context;
    const std::size_t taken = served.taken();
    require(ids.size() + taken <= context, "{}: prompt of {} tokens: the model's context is {}{}", place,
            ids.size(), context,
            taken > 0 ? fmt::format(", of which the run's adapter takes {}", taken) : "");
    return ids;
  }

  template <class Device, class Told>
  [[nodiscard]] std::vector<llm::Writing> write(Device& device, Served<Device>& served,
                                                 std::span<const llm::Tokens> asked,
                                                 const Told& told) const {
    if (asked.empty()) return {};
    device.expect_texts(served.transformer->config(), served.transformer->adapters(),
                        llm::text_extent(*served.transformer, served.adapter_or_null(), asked, end, options),
                        llm::tokens_read_together<typename Device::Backend>(asked));
    return llm::write_greedily(served.model, *served.transformer, served.theta, served.adapter_or_null(),
                                asked, end, options, told);
  }

  // {"prompt": TEXT} a line. Lines before a broken one are answered.
  template <class Device>
  int answer_lines(Device& device, Served<Device>& served) const {
    LineSource lines(0, "stdin");
    std::vector<llm::Tokens> waiting;
    const auto answer_waiting = [&] {
      for (const llm::Writing& each :
           write(device, served, waiting, [](std::size_t, const llm::Writing&) {}))
        write_out("{}\n", answer(each));
      flush_output();  // whoever asks line by line waits for it
      waiting.clear();
    };
    // Several times what shares a pass, so that a long text holds up no others.
    const std::size_t most =
        8 * (options.sequences == 0 ? Device::Backend::texts_at_once : options.sequences);
    std::size_t number = 0;
    for (std::string line; lines.next(line);) {
      ++number;
      if (line.find_first_not_of(" \t\r") != std::string::npos) {
        try {
          const data::Row row = data::parse_row(line, "stdin", number);
          const nlohmann::json& prompt = row.at("prompt");
          require(prompt.is_string(), "{}: field 'prompt' is {}: must be a string", row.place(),
                  prompt.type_name());
          waiting.push_back(encode(served, prompt.get_ref<const std::string&>(), row.place()));
        } catch (...) {
          answer_waiting();
          throw;
        }
      }
      if (waiting.size() >= most || !lines.ready()) answer_waiting();
    }
    answer_waiting();
    return 0;
  }

  static std::string answer(const llm::Writing& writing) {
    const nlohmann::json object = {{"text", writing.text},
                                   {"tokens", writing.written()},
                                   {"prompt_tokens", writing.prompt},
                                   {"end", llm::name_of(writing.ending)}};
    // The last token may break off inside a character.
    return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  // Bytes that neither the stop nor the rest of a character can take back.
  [[nodiscard]] std::size_t settled_bytes(const llm::Writing& writing) const {
    const std::string& text = writing.text;
    if (writing.ending != llm::Ending::none) return text.size();
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
};

}  // namespace zofo::cli
