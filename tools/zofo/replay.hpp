// What `zofo replay` does on a device.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/model/initial_adapter.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/config/make_adapter.hpp"
#include "zofo/run/fingerprint.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/run/run_directory.hpp"

namespace zofo::cli {

// Rebuilds what a run's zeroth-order steps moved and compares it with what the run recorded.
struct Replay {
  std::string model;
  std::string run;
  std::optional<std::uint32_t> to;
  bool json = false;
  llm::Options options;  // of the run

  template <class Device>
  int on(Device& device) const {
    const llm::RunFolder folder = llm::RunFolder::open(run);
    const nlohmann::json recorded = result();
    const auto trajectory = llm::read_trajectory(folder.file("trajectory.jsonl"));
    llm::Model loaded = llm::load_model(model);
    const std::string found = llm::hash_of_model(loaded.parameters);
    const std::string wanted = recorded.value("model_hash", found);
    require(found == wanted, "{}: fingerprint {}: the run was begun with {}", model, found, wanted);
    const auto last = static_cast<std::uint32_t>(trajectory.size());
    const std::uint32_t served = std::min(recorded.value("served_steps", last), last);
    const std::uint32_t end = to.value_or(served);
    if (llm::trains(options) == llm::Trains::adapter_by_estimates) {
      auto& theta = device.place(loaded.parameters);
      const model::Config& config = loaded.parameters.config();
      const peft::Adapter layout = llm::make_adapter(config, options);
      model::BasicTransformer<typename Device::Backend> transformer(device.backend(), config, layout);
      Eigen::VectorXf x = model::initial_adapter(transformer, theta, layout, options.seed);
      return replay(x, trajectory, end, "adapter", end == served ? recorded.value("adapter_hash", "") : "");
    }
    auto& theta = device.place(loaded.parameters);
    return replay(theta, trajectory, end, "theta", end == served ? recorded.value("theta_hash", "") : "");
  }

 private:
  // The entry of result.json; empty where the run never came to one.
  [[nodiscard]] nlohmann::json result() const {
    const auto path = std::filesystem::path(run) / "result.json";
    if (!std::filesystem::exists(path)) return nlohmann::json::object();
    try {
      nlohmann::json entry = checkpoint::JsonFields::load(path).at("methods").at(0);
      static_cast<void>(entry.at("served_steps").get<std::uint32_t>());
      for (const char* hash : {"model_hash", "theta_hash", "adapter_hash"})
        static_cast<void>(entry.at(hash).get<std::string>());
      return entry;
    } catch (const nlohmann::json::exception& error) {
      fail("{}: {}", path.string(), error.what());
    }
  }
  template <class Theta>
  int replay(Theta& theta, const std::vector<checkpoint::TrajectoryStep>& trajectory, std::uint32_t end,
             const char* what, const std::string& wanted) const {
    const auto began = std::chrono::steady_clock::now();
    llm::replay(llm::make_law(options, theta), llm::make_outer(options), trajectory, end, theta);
    const std::string found = llm::hash_of(theta);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    require(wanted.empty() || found == wanted, "{}: {} after {} steps has the hash {}: the run recorded {}",
            run, what, end, found, wanted);
    if (json)
      write_out("{}\n", nlohmann::json{{"what", what},
                                       {"hash", found},
                                       {"steps", end},
                                       {"verified", !wanted.empty()},
                                       {"seconds", seconds}}
                            .dump());
    else
      write_out("{} {} after {} steps, {}; {:.2f} s\n", what, found, end,
                wanted.empty() ? "where the run recorded none" : "as the run recorded", seconds);
    return 0;
  }
};

}  // namespace zofo::cli
