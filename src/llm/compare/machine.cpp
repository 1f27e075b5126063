#include "zofo/compare/machine.hpp"

#include <sys/utsname.h>

#include <nlohmann/json.hpp>
#include <string>

#include "zofo/machine/host.hpp"

namespace zofo::compare {

nlohmann::json machine() {
  utsname name{};
  uname(&name);
  using machine::field_of;
  return {{"processor", field_of("/proc/cpuinfo", "model name")},
          {"cores", machine::usable_cores()},
          {"memory", field_of("/proc/meminfo", "MemTotal")},
          {"system", std::string(name.sysname) + " " + name.release + " " + name.machine},
          {"compiler", __VERSION__},
          {"gpus", machine::nvidia_gpus()}};
}

}  // namespace zofo::compare
