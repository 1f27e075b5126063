/// @file What a fine-tuning run comes to.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "zofo/lm/evaluate.hpp"
#include "zofo/lm/scores_json.hpp"

namespace zofo::llm {

/// What a run comes to.
struct MethodResult {
  std::string method;
  std::string adapter;  ///< "lora", "prefix", "prompt" or "none"
  Scores scores;        ///< on the held-out rows, which no decision touched
  std::uint32_t steps = 0;
  double seconds = 0.0;  ///< of training
  double passes = 0.0;   ///< forward-equivalents, one forward of `batch` rows each
  double peak = 0.0;     ///< MiB
  std::string served;    ///< "upper", "lower" or "backbone"
  bool interrupted = false;
  std::uint32_t served_steps = 0;  ///< less than `steps` where training stopped early
  bool stopped_early = false;
  std::string model_hash;    ///< of the model before the run
  std::string theta_hash;    ///< of the backbone as served
  std::string adapter_hash;  ///< of the adapter as served, empty without one
};

/// One entry of result.json's list `methods`.
inline nlohmann::json to_json(const MethodResult& r) {
  nlohmann::json fields = score_fields(r.scores);
  fields.update({{"method", r.method},
                 {"adapter", r.adapter},
                 {"seconds", r.seconds},
                 {"passes", r.passes},
                 {"peak_mib", r.peak},
                 {"steps", r.steps},
                 {"served", r.served},
                 {"interrupted", r.interrupted},
                 {"served_steps", r.served_steps},
                 {"stopped_early", r.stopped_early},
                 {"model_hash", r.model_hash},
                 {"theta_hash", r.theta_hash},
                 {"adapter_hash", r.adapter_hash}});
  return fields;
}

}  // namespace zofo::llm
