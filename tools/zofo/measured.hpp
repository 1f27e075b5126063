// The measurements that zofo methods --advise answers from: share/zofo/measured/methods.json.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace zofo::cli {

// Where numbers come from.
struct Source {
  std::string name, page, machine, device, precision, date, commit, repeat;
  std::string model;                      // of runs
  double seconds = 0.0;                   // of training of each run
  double batch_size = 0.0;                // of runs
  std::optional<double> products_gflops;  // fp32 products on that machine
};

// The time of one step at a known shape (model/known_shapes.hpp), of a batch of sequences of equal length.
struct MeasuredStep {
  const Source* source = nullptr;
  std::string shape, step;
  std::size_t sequences = 0, tokens = 0, targets = 0;  // tokens and targets are of a sequence
  double ms = 0.0;
};

// The result of runs of one method on one task.
struct MeasuredRun {
  const Source* source = nullptr;
  std::string task, method;
  std::size_t choices = 0;
  double accuracy = 0.0;
  std::optional<double> error, loss, steps, peak_mib;
};

// What meta-training with a method gains on new tasks.
struct MeasuredGain {
  const Source* source = nullptr;
  std::string method, start;
  double at_5 = 0.0, at_16_a_class = 0.0;  // in balanced accuracy
};

// All measurements.
struct Measured {
  std::map<std::string, Source, std::less<>> sources;
  std::vector<MeasuredStep> steps;
  std::vector<MeasuredRun> runs;
  std::vector<MeasuredGain> new_tasks;
};

// Reads the installed file. Throws Error naming the file and the field at fault.
Measured read_measured();

}  // namespace zofo::cli
