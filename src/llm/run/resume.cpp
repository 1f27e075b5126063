#include "zofo/run/resume.hpp"

#include <cstdint>

#include "zofo/config/option_diff.hpp"
#include "zofo/core/error.hpp"
#include "zofo/run/old_states.hpp"
#include "zofo/run/run_state.hpp"

namespace zofo::llm {

RunOptions options_of(const checkpoint::RunState& saved, Hints* hints) {
  const auto version = saved.number<int>("version");
  const Command command = version == 1 ? Command::finetune
                          : version == 2
                              ? Command::meta_train
                              : enum_from<Command>("command", saved.number<std::string>("command"));
  return options_from_toml(command, saved.number<std::string>("options"), "saved state: options", hints);
}

checkpoint::RunState read_state(const RunFolder& folder) {
  const std::filesystem::path path = folder.file(state_file);
  require(std::filesystem::exists(path), "{}: no saved state: this run cannot be resumed; start a new run",
          path.string());
  checkpoint::RunState state = checkpoint::read_run_state(path);
  const int version = state.number<int>("version");
  require(version >= 1 && version <= state_version, "{}: version = {}: this program reads 1 to {}",
          path.string(), version, state_version);
  if (version < state_version) return old_states::converted(state, version, options_of(state));
  return state;
}

void check_changes(const RunOptions& started, const RunOptions& given, const checkpoint::RunState& saved) {
  require(started.command == given.command, "the run was started by zofo {}: resume it with the same command",
          started.command);
  refuse_changes(started, given, extendable);
  require(started.lr_scheduler_type == ScheduleKind::constant || started.decay_steps > 0 ||
              started.max_steps == given.max_steps,
          "max_steps = {}: the run was started with {}, where its {} schedule ends", given.max_steps,
          started.max_steps, started.lr_scheduler_type);
  require((started.early_stopping_patience > 0) == (given.early_stopping_patience > 0),
          "early_stopping_patience = {}: the run was started with {}: early stopping must be on or off for "
          "the whole run",
          given.early_stopping_patience, started.early_stopping_patience);
  require(
      (started.keep_checkpoints > 0) == (given.keep_checkpoints > 0),
      "keep_checkpoints = {}: the run was started with {}: checkpoints must be on or off for the whole run",
      given.keep_checkpoints, started.keep_checkpoints);
  const auto steps = saved.number<std::uint32_t>("steps");
  require(given.max_steps == 0 || given.max_steps >= steps, "max_steps = {}: the run has already taken {}",
          given.max_steps, steps);
}

}  // namespace zofo::llm
