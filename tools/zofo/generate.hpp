// What the command `generate` does on a device.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/generate_sequences.hpp"

namespace zofo::cli {

// `zofo generate`: what the model writes after prompts. Prompts of the command line give texts, the only one
// as it is written; those of standard input, a JSON object a line, give JSON objects.
struct Generate {
  std::string model;
  std::string run;
  std::vector<std::string> prompts;
  llm::GenerateOptions options;
  bool json = false;

  // Throws Error naming what is out of range; the command line's own prompts are looked at before a model is
  // loaded.
  void check() const {
    options.check();
    for (std::size_t i = 0; i < prompts.size(); ++i) llm::check_prompt(prompts[i], place_of(i));
  }

  template <class Device>
  int on(Device& device) const {
    check();
    llm::RunModel<Device> of(device, llm::load_model(model), run);
    if (prompts.empty()) {
      parse::LineSource lines(0, "stdin");
      llm::generate_lines(
          of, lines, options, [](const std::string& line) { write_out("{}\n", line); },
          [] { flush_output(); });
      return 0;
    }
    std::vector<llm::Tokens> requested;
    for (std::size_t i = 0; i < prompts.size(); ++i)
      requested.push_back(llm::prompt_tokens(of, prompts[i], place_of(i)));
    const bool as_it_comes = prompts.size() == 1 && !json;
    std::size_t shown = 0;
    const auto watch = [&](std::size_t, const llm::Generation& generation) {
      if (!as_it_comes) return;
      const std::size_t settled = llm::settled_bytes(generation, options.end);
      if (settled <= shown) return;
      write_out("{}", std::string_view(generation.text).substr(shown, settled - shown));
      flush_output();
      shown = settled;
    };
    const std::vector<llm::Generation> written =
        llm::generate(of, std::span<const llm::Tokens>(requested), options, watch);
    if (as_it_comes) write_out("{}\n", std::string_view(written[0].text).substr(shown));
    for (const llm::Generation& each : written)
      if (!as_it_comes) write_out("{}\n", json ? llm::to_json_line(each) : each.text);
    return 0;
  }

 private:
  [[nodiscard]] std::string place_of(std::size_t i) const {
    return prompts.size() == 1 ? "--prompt" : fmt::format("--prompt number {}", i + 1);
  }
};

}  // namespace zofo::cli
