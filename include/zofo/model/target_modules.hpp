/// @file The projections that LoRA may adapt, grouped by the input that they read.
#pragma once

#include <array>
#include <cstddef>

#include "zofo/model/config.hpp"
#include "zofo/model/layout.hpp"
#include "zofo/peft/lora.hpp"

namespace zofo::model {

/// Neighbouring tokens of one LoRA adapter.
struct AdapterRun {
  std::size_t first = 0;  ///< first row
  std::size_t count = 0;  ///< rows
  int adapter = -1;       ///< index among the adapters of its kind
};

/// Target modules of LoRA that read one input: projections of one block. Low-rank probes add their products
/// to the same projections.
struct TargetModules {
  std::size_t layer = 0;                         ///< block
  std::array<peft::Projection, 3> projection{};  ///< of which the first `count` are set
  std::size_t count = 0;                         ///< projections

  ///@{
  /// The projections of block `layer` that read the input of attention, its result, the input of the MLP, and
  /// the MLP's activation.
  static TargetModules qkv(std::size_t layer) {
    return {layer, {peft::Projection::q, peft::Projection::k, peft::Projection::v}, 3};
  }
  static TargetModules attention_out(std::size_t layer) { return {layer, {peft::Projection::o}, 1}; }
  static TargetModules ffn_in(const Config& config, std::size_t layer) {
    if (config.gated()) return {layer, {peft::Projection::gate, peft::Projection::up}, 2};
    return {layer, {peft::Projection::up}, 1};
  }
  static TargetModules down(std::size_t layer) { return {layer, {peft::Projection::down}, 1}; }
  ///@}
  /// No projection.
  static TargetModules none() { return {}; }
};

/// The weight of a projection.
constexpr Role role_of(peft::Projection projection) {
  constexpr std::array<Role, peft::projection_names.size()> roles{Role::q,    Role::k,  Role::v,   Role::o,
                                                                  Role::gate, Role::up, Role::down};
  return roles[static_cast<std::size_t>(projection)];
}

/// First column of a projection's product in the row that it is added to: q, k and v share a row, as do gate
/// and up.
inline std::size_t output_column(const Config& config, peft::Projection projection) {
  switch (projection) {
    case peft::Projection::k:
      return config.query_width();
    case peft::Projection::v:
      return config.query_width() + config.key_width();
    case peft::Projection::up:
      return config.gated() ? config.ffn : 0;
    default:
      return 0;
  }
}

}  // namespace zofo::model
