/// @file Declarations of the transformer's types, for headers that only name them.
#pragma once

namespace zofo::model {

struct CacheCapacity;
struct Config;
struct CpuBackend;
class Parameters;

}  // namespace zofo::model
