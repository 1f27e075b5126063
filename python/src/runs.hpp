/// @file Fine-tuning runs.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <utility>
#include <vector>

namespace zofo::python {

/// The arguments of a fine-tuning.
struct RunRequest {
  std::string model;        ///< GGUF file or Hugging Face folder; for a resumption empty: the recorded one
  std::string task;         ///< folder with task.toml, or the name of a definition; as `model`
  std::string data;         ///< folder with train.jsonl and validation.jsonl; may be empty
  std::string definitions;  ///< folder with task definitions
  std::string out;          ///< run folder to make, or to resume
  std::string options;      ///< options as TOML
  bool resume = false;      ///< continue the run in `out`
};

/// Runs it without the GIL. `progress(step, line)` is called at most every quarter of a second with the
/// report as text, and `progress(None, message)` with messages. Returns the result as JSON; its field
/// `interrupted` says whether Ctrl-C ended the run. Throws Error as the library does.
std::string finetune(const RunRequest& request, nanobind::handle progress);

/// Name and help of every option of a run.
std::vector<std::pair<std::string, std::string>> option_names();

}  // namespace zofo::python
