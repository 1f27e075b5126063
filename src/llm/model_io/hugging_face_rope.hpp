/// @file Rotary positions in a Hugging Face config.json.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/model/config.hpp"

namespace zofo::llm::detail {

/// What an architecture's class assumes of its config.json.
struct RopeDefaults {
  double base = 10000.0;   ///< rope_theta, if the file has none
  bool partial = false;    ///< the class reads partial_rotary_factor
  bool by_layer = false;   ///< parameters of windowed and of other layers (Gemma 3)
  double local = 10000.0;  ///< base of windowed layers, if the file has none
};

/// Reads the base, the scaling and the rotated entries of heads from `rope_parameters` of transformers 5, or
/// `rope_theta` and `rope_scaling` of earlier versions. Needs head_dim and context. Throws Error naming file,
/// field, value and what is allowed.
void read_rope(const checkpoint::JsonFields& file, const RopeDefaults& defaults, model::Config& c);

/// The fields of rotary positions in the format of transformers 4, which version 5 reads too.
nlohmann::json rope_json(const model::Config& c);

}  // namespace zofo::llm::detail
