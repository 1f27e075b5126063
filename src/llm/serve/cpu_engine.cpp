// The server on the CPU, compiled once for programs and tests.
#include "zofo/serve/engine.hpp"
#include "zofo/serve/impl/engine.hpp"

namespace zofo::serve {

ZOFO_SERVE_INSTANCES(, llm::CpuDevice)

}  // namespace zofo::serve
