// What zofo doctor finds out.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "device/device.hpp"

namespace zofo::cli {

// Something that is wrong, and what to do. `prevents`: nothing, or not what was asked for, can run.
struct Problem {
  bool prevents = false;
  std::string what, todo;
};

// Facts for the report, and what is wrong with them.
struct Findings {
  nlohmann::json facts = nlohmann::json::object();
  std::vector<Problem> problems;

  void warn(std::string what, std::string todo) {
    problems.push_back({false, std::move(what), std::move(todo)});
  }
  void fail(std::string what, std::string todo) {
    problems.push_back({true, std::move(what), std::move(todo)});
  }
};

// What the program is, and what the machine has: processor, BLAS, memory, folders. `runs` is the folder that
// run folders will be made in.
void examine_host(const std::string& runs, Findings& findings);

// The GPUs, their driver and the CUDA runtime of this program.
void examine_gpus(Findings& findings);

// Short measurements: products and copies on the CPU, a forward pass on `device`.
void measure(Device device, Findings& findings);

// The report as text.
std::string report_text(const Findings& findings);

}  // namespace zofo::cli
