/// @file What a fine-tuning run comes to, and the adapters' layout that its options name.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "zofo/model/config.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/tune/evaluate.hpp"
#include "zofo/tune/options.hpp"

namespace zofo::tune {

/// What a run comes to.
struct MethodResult {
  std::string method;
  Scores scores;  ///< on the held-out rows, which no decision touched
  std::uint32_t steps = 0;
  double seconds = 0.0;  ///< of training
  double passes = 0.0;   ///< forward-equivalents, one forward of `batch` rows each
  double peak = 0.0;     ///< MiB
  std::string served;    ///< "upper", "lower" or "backbone"
  bool interrupted = false;
};

/// One entry of result.json's list `methods`.
inline nlohmann::json to_json(const MethodResult& r) {
  return {{"method", r.method},
          {"accuracy", r.scores.accuracy},
          {"macro_f1", r.scores.macro_f1},
          {"loss", r.scores.loss},
          {"rows", r.scores.rows},
          {"seconds", r.seconds},
          {"passes", r.passes},
          {"peak_mib", r.peak},
          {"steps", r.steps},
          {"served", r.served},
          {"interrupted", r.interrupted}};
}

/// Layout of the adapter that the options name.
inline peft::Lora make_lora(const model::Config& config, std::uint32_t rank, double alpha,
                            const std::string& targets) {
  return peft::Lora(config, {rank, static_cast<float>(alpha), split_commas(targets)});
}

}  // namespace zofo::tune
