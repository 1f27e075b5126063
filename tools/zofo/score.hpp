// What the command `score` does on a device.
#pragma once

#include <string>
#include <vector>

#include "cli.hpp"
#include "line_source.hpp"
#include "score_adapters.hpp"
#include "zofo/lm/score_requests.hpp"

namespace zofo::cli {

// `zofo score`: one JSON object a line. Lines that are there already share a pass, whatever adapters they ask
// for; nobody waits for a line that is not.
struct Score {
  std::string model;
  std::string run;
  std::vector<std::string> adapters;

  template <class Device>
  int on(Device& device) const {
    ScoreAdapters<Device> served(device, model, run, adapters);
    LineSource lines(0, "stdin");
    std::vector<llm::Request> waiting;
    std::size_t tokens = 0, number = 0;
    const auto answer = [&] {
      for (const std::string& each :
           llm::answer_requests(*served.transformer, served.theta, served.served, waiting))
        write_out("{}\n", each);
      flush_output();  // whoever asks line by line waits for it
      waiting.clear();
      tokens = 0;
    };
    for (std::string line; lines.next(line);) {
      ++number;
      if (line.find_first_not_of(" \t\r") != std::string::npos) {
        try {
          waiting.push_back(llm::parse_request(served.model, line, "stdin", number, served.served));
        } catch (...) {
          answer();  // the lines before a broken one
          throw;
        }
        tokens += llm::packed_tokens(waiting.back().row);
      }
      if (tokens >= Device::Backend::tokens_that_fill || !lines.ready()) answer();
    }
    answer();
    return 0;
  }
};

}  // namespace zofo::cli
