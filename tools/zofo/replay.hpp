// What `zofo replay` does on a device.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/verify_run.hpp"

namespace zofo::cli {

// Rebuilds what a run's zeroth-order updates changed and compares it with what the run recorded.
struct Replay {
  std::string model;
  std::string run;
  std::optional<std::uint32_t> to;
  bool json = false;
  llm::RunOptions options;  // of the run

  template <class Device>
  int on(Device& device) const {
    llm::Model loaded = llm::load_model(model);
    const llm::Replayed done = llm::verify_run(device, loaded, run, options, {to, model});
    if (json)
      write_out("{}\n", nlohmann::json{{"what", done.what},
                                       {"hash", done.hash},
                                       {"steps", done.steps},
                                       {"verified", done.verified},
                                       {"seconds", done.seconds}}
                            .dump());
    else
      write_out("{} {} after {} steps, {}; {:.2f} s\n", done.what, done.hash, done.steps,
                done.verified ? "as the run recorded" : "where the run recorded none", done.seconds);
    return 0;
  }
};

}  // namespace zofo::cli
