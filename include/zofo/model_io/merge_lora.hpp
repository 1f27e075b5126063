/// @file Merges an adapter into the weights that it adapts.
#pragma once

#include <Eigen/Core>

#include "zofo/model/parameters.hpp"
#include "zofo/peft/lora.hpp"

namespace zofo::llm {

/// W ← W + (α/r) B A for every adapted projection (Hu et al. 2022, §4.1). Without the adapter, the new
/// weights compute what the old ones compute with it, up to rounding. Throws Error if the adapter has another
/// shape.
void merge_lora(model::Parameters& theta, const peft::Lora& lora, const Eigen::VectorXf& adapter);

}  // namespace zofo::llm
