/// @file The naming scheme of a shape's weights in Hugging Face folders.
#pragma once

#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/model/config.hpp"

namespace zofo::llm {

/// The naming scheme of the weights of a shape.
inline checkpoint::Naming naming_of(const model::Config& config) {
  return config.family == model::Family::opt ? checkpoint::Naming::opt : checkpoint::Naming::llama;
}

}  // namespace zofo::llm
