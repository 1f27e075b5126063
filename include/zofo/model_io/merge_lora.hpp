/// @file Merges an adapter into the weights that it adapts.
#pragma once

#include <Eigen/Core>
#include <optional>

#include "zofo/model/parameters.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/peft/peft_adapter.hpp"

namespace zofo::llm {

/// W ← W + (α/r) B A for every adapted projection (Hu et al. 2022, §4.1). Without the adapter, the new
/// weights compute what the old ones compute with it, up to rounding. Throws Error if the adapter has another
/// shape.
void merge_lora(model::Parameters& theta, const peft::Lora& lora, const Eigen::VectorXf& adapter);

/// Puts on θ what the adapter changes of the model's own weights: replaces those that its file holds, and
/// merges a DoRA, W ← m (W + (α/r) B A)/‖W + (α/r) B A‖ with the norms of the rows (Liu et al. 2024, eq. 5).
/// Returns the adapter that remains to be evaluated, none after a DoRA. Throws Error naming a weight of
/// another shape, or that the model has no place for.
std::optional<peft::PeftAdapter> apply_changes(model::Parameters& theta, peft::PeftAdapter adapter);

}  // namespace zofo::llm
