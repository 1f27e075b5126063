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

/// A LoRA layout for a model of this shape. `targets` are separated by commas, each as "q_proj" or "q" for
/// every block, or "3.q_proj" for one block; ":4" behind it is a rank of its own, ":4:8" also an α. Throws
/// Error naming the field that does not fit the model.
peft::Lora make_lora(const model::Config& config, std::uint32_t rank, double alpha,
                     const std::string& targets);

/// The targets of a layout, from which make_lora makes the same one with the layout's `rank` and `alpha`.
std::string targets_of(const peft::Lora& lora, const model::Config& config);

/// The layout for a model of this shape. Options without an adapter result in a LoRA layout, since a
/// transformer always has one layout. Throws Error naming the field that does not fit the model.
peft::Adapter make_adapter(const model::Config& config, const RunOptions& o);

}  // namespace zofo::llm
