/// @file The peak memory of this process.
#pragma once

namespace zofo::llm {

/// Peak resident memory in MiB (VmHWM of /proc/self/status); 0 where the system does not report it.
double peak_mib();

}  // namespace zofo::llm
