/// @file The numbers of a run in TensorBoard's format, in the run's folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>

#include "zofo/core/append_file.hpp"
#include "zofo/run/event_records.hpp"

namespace zofo::llm {

/// Writes the event files of a run. Each process that trains the run makes a file of its own before its first
/// numbers: a TensorBoard that shows the run continues with the newest file, and could not follow a file that
/// becomes shorter and longer again. What the files hold beyond a saved state is removed when the run
/// continues from it, so each number is in them once.
class EventFiles {
 public:
  /// What the name of every event file starts with.
  static constexpr const char* prefix = "events.out.tfevents.";

  /// Writes into `folder`; without `on` nothing is written, but continue_after() works.
  EventFiles(std::filesystem::path folder, bool on) : folder_(std::move(folder)), on_(on) {}

  /// Writes the numbers after `steps` steps, those that are not NaN. They are in the file when this returns.
  /// Throws Error naming the file if the write fails.
  void write(std::uint64_t steps, std::span<const Scalar> scalars);
  /// The newest file and its length in bytes, as ["name", length], once they are on disk; null where nothing
  /// was written.
  [[nodiscard]] nlohmann::json position();
  /// Cuts the folder's event files to a saved position (null: removes them) of a run that continues after
  /// `steps` steps. Throws Error naming the position or the file that cannot be cut.
  void continue_after(const nlohmann::json& position, std::uint64_t steps);

 private:
  void open();

  std::filesystem::path folder_;
  bool on_;
  std::optional<AppendFile> file_;
  std::string name_;                    // of the newest file; empty: none
  std::uint64_t bytes_ = 0;             // its length
  std::optional<std::uint64_t> after_;  // the steps after which the run continues
};

}  // namespace zofo::llm
