// What the command `score` does on a device.
#pragma once

#include <string>
#include <vector>

#include "cli.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/adapter_set.hpp"

namespace zofo::cli {

// `zofo score`: one JSON object a line of standard input.
struct Score {
  std::string model;
  std::string run;
  std::vector<std::string> adapters;  // NAME=FOLDER

  template <class Device>
  int on(Device& device) const {
    std::vector<llm::NamedFolder> named;
    for (const std::string& each : adapters) named.push_back(llm::named_folder(each));
    parse::LineSource lines(0, "stdin");
    llm::score_lines(
        device, llm::load_model(model), run, named, lines,
        [](const std::string& line) { write_out("{}\n", line); }, [] { flush_output(); });
    return 0;
  }
};

}  // namespace zofo::cli
