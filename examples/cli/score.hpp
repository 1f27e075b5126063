// What the commands `evaluate` and `score` do on a device.
#pragma once

#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli.hpp"
#include "zofo/tune/encode_rows.hpp"
#include "zofo/tune/load_model.hpp"
#include "zofo/tune/restore.hpp"
#include "zofo/tune/score.hpp"

namespace zofo::cli {

// A model on a device, as a run left it where one is named.
template <class Device>
struct Served {
  using Backend = typename Device::Backend;

  Served(Device& device, const std::string& model_file, const std::string& run)
      : model(tune::load_model(model_file)), theta(device.place(model.parameters)) {
    std::optional<peft::Lora> lora;
    if (!run.empty()) {
      const tune::Restored restored = tune::restore(run, theta);
      lora = restored.lora;
      if (restored.adapter() != nullptr) adapter.emplace(device.vector(*restored.adapter()));
    }
    transformer.emplace(device.backend(), model.parameters.config(),
                        lora ? *lora : peft::Lora(model.parameters.config(), {}));
  }
  [[nodiscard]] const typename Backend::Vector* adapter_or_null() const {
    return adapter ? &*adapter : nullptr;
  }

  tune::Model model;
  typename Backend::Theta& theta;
  std::optional<typename Backend::Vector> adapter;
  std::optional<model::BasicTransformer<Backend>> transformer;
};

// `zofo evaluate`.
struct Evaluate {
  Place place;
  std::string run;
  std::size_t rows = 0;
  bool json = false;

  template <class Device>
  int on(Device& device) const {
    const data::TaskData data = data::load_task(place.task, place.data_folder(), place.tasks);
    Served<Device> served(device, place.model, run);
    const tune::OptionTokens options = tune::encode_options(served.model, data.task.options);
    const std::vector<tune::EncodedRow> encoded =
        tune::encode_rows(served.model, data.task, options, data.validation, rows, "validation.jsonl");
    say(tune::evaluate(*served.transformer, served.theta, served.adapter_or_null(), encoded, options),
        device.peak_mib());
    return 0;
  }

 private:
  void say(const tune::Scores& scores, double peak) const {
    if (json) {
      const nlohmann::json report = {{"accuracy", scores.accuracy}, {"macro_f1", scores.macro_f1},
                                     {"loss", scores.loss},         {"rows", scores.rows},
                                     {"seconds", scores.seconds},   {"peak_mib", peak}};
      return write_out("{}\n", report.dump());
    }
    write_out("accuracy {:.4f}\nmacro-F1 {:.4f}\nloss     {:.4f}\nrows     {}\n", scores.accuracy,
              scores.macro_f1, scores.loss, scores.rows);
  }
};

// `zofo score`: one JSON object a line.
struct Score {
  std::string model;
  std::string run;

  template <class Device>
  int on(Device& device) const {
    Served<Device> served(device, model, run);
    std::size_t number = 0;
    for (std::string line; std::getline(std::cin, line);) {
      ++number;
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      write_out("{}\n", tune::score_line(served.model, *served.transformer, served.theta,
                                         served.adapter_or_null(), line, "stdin", number));
      flush_output();  // whoever asks line by line waits for it
    }
    return 0;
  }
};

}  // namespace zofo::cli
