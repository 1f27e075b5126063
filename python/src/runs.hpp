/// @file Fine-tuning runs.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zofo::python {

/// The arguments of a training run.
struct RunRequest {
  std::string model;  ///< GGUF file or Hugging Face folder; for a resumption empty: the recorded one
  std::vector<std::string> tasks;          ///< folders with task.toml, or names of definitions; as `model`
  std::string data;                        ///< folder with NAME/train.jsonl, or train.jsonl; may be empty
  std::string definitions;                 ///< folder with task definitions
  std::string out;                         ///< run folder to make, or to resume
  std::string options;                     ///< options as TOML
  bool adapter_given = false;              ///< the options name the kind of the adapter
  bool meta = false;                       ///< train one backbone over all tasks
  bool resume = false;                     ///< continue the run in `out`
  std::optional<std::uint32_t> from_step;  ///< with `resume`: from the checkpoint of this step
};

/// Runs it without the GIL. `progress(step, line)` is called at most every quarter of a second with the
/// report as text, and `progress(None, message)` with messages. Returns the result as JSON; its field
/// `interrupted` says whether Ctrl-C ended the run. Throws Error as the library does.
std::string train(const RunRequest& request, nanobind::handle progress);

/// Name and help of every option of a run.
std::vector<std::pair<std::string, std::string>> option_names();

}  // namespace zofo::python
