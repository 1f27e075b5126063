/// @file Which adapted projections read one input, and where in a packed row their products go.
#pragma once

#include <array>
#include <cstddef>

#include "zofo/model/config.hpp"
#include "zofo/model/layout.hpp"
#include "zofo/peft/lora.hpp"

namespace zofo::model {

/// Neighbouring tokens of one LoRA adapter.
struct AdapterRun {
  std::size_t first = 0;
  std::size_t count = 0;
  int adapter = -1;  ///< its number among those of its kind
};

/// The projections of a block that read one input.
struct TargetModules {
  std::size_t layer = 0;
  std::array<peft::Projection, 3> projection{};
  std::size_t count = 0;

  static TargetModules qkv(std::size_t layer) {
    return {layer, {peft::Projection::q, peft::Projection::k, peft::Projection::v}, 3};
  }
  static TargetModules attention_out(std::size_t layer) { return {layer, {peft::Projection::o}, 1}; }
  static TargetModules ffn_in(const Config& config, std::size_t layer) {
    if (config.gated()) return {layer, {peft::Projection::gate, peft::Projection::up}, 2};
    return {layer, {peft::Projection::up}, 1};
  }
  static TargetModules down(std::size_t layer) { return {layer, {peft::Projection::down}, 1}; }
  /// No projection: nothing is added.
  static TargetModules none() { return {}; }
};

/// The weight that a projection's adapters move.
constexpr Role role_of(peft::Projection projection) {
  constexpr std::array<Role, peft::projection_names.size()> roles{Role::q,    Role::k,  Role::v,   Role::o,
                                                                  Role::gate, Role::up, Role::down};
  return roles[static_cast<std::size_t>(projection)];
}

/// First column of a projection's product in the row that it is added to: q, k, v and gate, up lie side by
/// side.
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
