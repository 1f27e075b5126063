/// @file Describes the machine that a comparison runs on.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>

namespace zofo::compare {

/// The number of cores that this process may use.
std::size_t usable_cores();

/// Processor, cores, memory, system, compiler and NVIDIA GPUs; empty strings for what the system does not
/// report.
nlohmann::json machine();

}  // namespace zofo::compare
