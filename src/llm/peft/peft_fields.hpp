/// @file Parts of peft's files that all kinds of adapters share.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft::detail {

/// Layout's names of the projections, in the order of Projection.
inline constexpr std::array<std::string_view, projection_names.size()> projection_weights{
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

/// The naming scheme of a model's modules.
inline checkpoint::Naming naming_of(const ModelShape& shape) {
  switch (shape.modules) {
    case ModuleNames::opt:
      return checkpoint::Naming::opt;
    case ModuleNames::phi3:
      return checkpoint::Naming::phi3;
    default:
      return checkpoint::Naming::llama;
  }
}

/// Whether a family's files hold a projection in one matrix with others.
inline bool is_fused(checkpoint::Naming naming, Projection projection) {
  return naming == checkpoint::Naming::phi3 && projection != Projection::o && projection != Projection::down;
}

/// Throws Error naming a field that is not one of `read`, changes a trained adapter's output, and is not
/// null, false or empty; `way_out` is what to do instead.
void check_rest(const checkpoint::JsonFields& file, const std::vector<std::string_view>& read,
                std::string_view way_out = "");

}  // namespace zofo::peft::detail
