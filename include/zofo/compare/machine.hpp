/// @file Describes the machine that a comparison runs on.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace zofo::compare {

/// Processor, cores, memory, system, compiler and NVIDIA GPUs; empty strings for what the system does not
/// report.
nlohmann::json machine();

}  // namespace zofo::compare
