/// @file Answers requests for the scores of answer choices with a backbone and any number of adapters.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "zofo/lm/language_model.hpp"
#include "zofo/parse/line_source.hpp"
#include "zofo/train/device.hpp"

namespace zofo::llm {

/// An adapter in peft's format and its name in requests.
struct NamedFolder {
  std::string name;              ///< in requests; "": of requests that name none
  std::filesystem::path folder;  ///< in peft's format
};
/// Parses "NAME=FOLDER", or "FOLDER" for an adapter without a name; a text that is the path of a folder is
/// one. Throws Error for a text of another form.
NamedFolder named_folder(const std::string& text);

/// Answers lines {"prompt": TEXT, "options": [TEXT, …], "adapter": NAME} (the last may be missing) with the
/// model and the adapters that AdapterSet takes (train/impl/adapter_set.hpp). Other fields of a line come
/// back in its answer. Prompts of more than `max_prompt_tokens` tokens keep their last ones; 0: no limit.
/// `write(line)` gets each answer as a JSON object, `flush()` is called after every group. A line that cannot
/// be answered gets {"error": …} in its place; returns their number. A program with its own Device includes
/// train/impl/adapter_set.hpp.
template <class Device>
std::size_t score_lines(Device& device, Model model, const std::filesystem::path& run,
                        std::span<const NamedFolder> adapters, parse::LineSource& lines,
                        std::size_t max_prompt_tokens, const std::function<void(const std::string&)>& write,
                        const std::function<void()>& flush);

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_SCORE_INSTANCES(PREFIX, DEVICE)                                                          \
  PREFIX template std::size_t score_lines(                                                            \
      DEVICE&, Model, const std::filesystem::path&, std::span<const NamedFolder>, parse::LineSource&, \
      std::size_t, const std::function<void(const std::string&)>&, const std::function<void()>&);

// zofo::llm holds those of the CPU.
ZOFO_SCORE_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
