// Seconds per step, scaled from measured steps.
#pragma once

#include <optional>
#include <string>

#include "measured.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/model/config.hpp"

namespace zofo::cli {

// A batch of a task, for the work of a pass.
struct BatchWork {
  double tokens = 0.0;     // of the batch that one loss reads, in the mean
  double head_rows = 0.0;  // positions whose logits are computed
};

// Multiplications of a forward pass, in the blocks and in the head.
double forward_work(const model::Config& config, const BatchWork& batch);

// An expected time, and where it is from.
struct StepTime {
  double seconds = 0.0;
  std::string from;         // the measured steps, for a footnote
  bool from_parts = false;  // added up from several measured steps
  const Source* source = nullptr;
};

// The time of an outer step of a run on "cpu" or "gpu"; nothing if no step of the method was measured.
std::optional<StepTime> step_time(const Measured& measured, const std::string& device,
                                  const llm::RunOptions& o, const model::Config& config,
                                  const BatchWork& batch);

}  // namespace zofo::cli
