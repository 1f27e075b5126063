/// @file The layout of the adapter that a run's options select.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/model/config.hpp"
#include "zofo/peft/adapter.hpp"

namespace zofo::llm {

/// The parts of a list separated by commas: "q,v" as {"q", "v"}.
std::vector<std::string> split_commas(const std::string& text);

/// A LoRA layout for a model of this shape. `targets` are separated by commas, each as "q_proj" or "q".
/// Throws Error naming the field that does not fit the model.
peft::Lora make_lora(const model::Config& config, std::uint32_t rank, double alpha,
                     const std::string& targets);

/// The layout for a model of this shape. Options without an adapter result in a LoRA layout, since a
/// transformer always has one layout. Throws Error naming the field that does not fit the model.
peft::Adapter make_adapter(const model::Config& config, const RunOptions& o);

}  // namespace zofo::llm
