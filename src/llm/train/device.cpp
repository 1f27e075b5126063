#include "zofo/train/device.hpp"

#include "zofo/model/cpu_backend.hpp"
#include "zofo/model/kv_cache.hpp"
#include "zofo/train/peak_memory.hpp"

namespace zofo::llm {

model::CpuBackend CpuDevice::backend() { return {}; }

void CpuDevice::reserve_generation(const model::Config& /*config*/, const peft::Adapters& /*adapters*/,
                                   model::CacheCapacity /*cache*/, std::size_t /*prompt_tokens*/) {}

double CpuDevice::peak_mib() { return llm::peak_mib(); }

}  // namespace zofo::llm
