#include "zofo/train/adapter_checkpoints.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <system_error>

#include "zofo/checkpoint/atomic_folder.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/resume.hpp"
#include "zofo/run/run_state.hpp"
#include "zofo/run/selected_model_file.hpp"

namespace zofo::llm {

namespace {

constexpr const char* description_file = "checkpoint.json";

// A loss that is not finite is never the best.
double comparable(double loss) {
  return std::isfinite(loss) ? loss : std::numeric_limits<double>::infinity();
}

// Removes what is neither the best nor among the latest `keep`.
void prune(const std::filesystem::path& run, std::uint32_t keep) {
  std::vector<SavedCheckpoint> all = saved_checkpoints(run);
  const auto best = std::ranges::min_element(all, [](const SavedCheckpoint& a, const SavedCheckpoint& b) {
    return comparable(a.loss) < comparable(b.loss);
  });
  if (best == all.end()) return;
  const std::uint32_t best_step = best->step;
  std::erase_if(all, [&](const SavedCheckpoint& each) { return each.step == best_step; });
  while (all.size() + 1 > keep) {
    std::filesystem::remove_all(checkpoint_folder(run, all.front().step));
    all.erase(all.begin());
  }
}

}  // namespace

std::filesystem::path checkpoint_folder(const std::filesystem::path& run, std::uint32_t step) {
  return run / checkpoints_folder / fmt::format("step-{}", step);
}

std::vector<SavedCheckpoint> saved_checkpoints(const std::filesystem::path& run) {
  std::vector<SavedCheckpoint> found;
  std::error_code ignored;  // a run without checkpoints has no such folder
  for (const auto& entry : std::filesystem::directory_iterator(run / checkpoints_folder, ignored)) {
    if (!std::filesystem::exists(entry.path() / description_file, ignored)) continue;
    const auto file = checkpoint::JsonFields::load(entry.path() / description_file);
    const SavedCheckpoint made{file.integer("step"), checkpoint::number_or_nan(file, "validation_loss")};
    if (entry.path() == checkpoint_folder(run, made.step)) found.push_back(made);
  }
  std::ranges::sort(found, {}, &SavedCheckpoint::step);
  return found;
}

checkpoint::RunState read_checkpoint(const RunFolder& folder, std::uint32_t step) {
  const std::filesystem::path path = checkpoint_folder(folder.path(), step) / state_file;
  if (!std::filesystem::exists(path)) {
    std::vector<std::uint32_t> steps;
    for (const SavedCheckpoint& each : saved_checkpoints(folder.path())) steps.push_back(each.step);
    fail("--from-step {}: {} has no such checkpoint: there are {}", step, folder.path().string(),
         steps.empty() ? "none" : fmt::format("{}", fmt::join(steps, ", ")));
  }
  checkpoint::RunState state = read_state(RunFolder::open(path.parent_path()));
  const auto found = state.number<std::uint32_t>("steps");
  require(found == step, "{}: is the state of step {}", path.string(), found);
  return state;
}

void rewind_to(const RunFolder& folder, std::uint32_t step) {
  const std::vector<SavedCheckpoint> all = saved_checkpoints(folder.path());  // throws before any change
  folder.write(state_file, parse::read_file(checkpoint_folder(folder.path(), step) / state_file));
  for (const SavedCheckpoint& each : all)
    if (each.step > step) std::filesystem::remove_all(checkpoint_folder(folder.path(), each.step));
  for (const char* result : {selected_file, "result.json"}) std::filesystem::remove(folder.file(result));
}

void AdapterCheckpoints::write(const model::Config& config, const peft::Adapter& layout,
                               const std::string& base_model) {
  const Candidate candidate = std::move(*waiting_);
  waiting_.reset();
  const std::filesystem::path path = checkpoint_folder(folder_.path(), candidate.steps);
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  require(!error, "{}: cannot make this folder: {}", path.parent_path().string(), error.message());
  std::filesystem::remove_all(path, error);  // of a run that was resumed from an earlier step
  std::filesystem::path unfinished = path;   // of a run that was killed here
  unfinished += ".part";
  std::filesystem::remove_all(unfinished, error);
  checkpoint::AtomicFolder made(path);
  if (!candidate.adapters.empty()) {
    const Eigen::VectorXf& x = candidate.adapters.front();
    // An adapter of an updated backbone belongs to this step of the run, not to the initial model.
    const std::string base = options_.updates_backbone() ? path.string() : base_model;
    peft::write_peft(made.part(), config, layout, {x.data(), static_cast<std::size_t>(x.size())}, base);
  }
  write_atomically(made.part() / state_file, parse::read_file(folder_.file(state_file)));
  const nlohmann::json description = {{"step", candidate.steps},
                                      {"validation_loss", candidate.loss},
                                      {"validation_accuracy", candidate.accuracy},
                                      {"served", to_text(candidate.selected)}};
  write_atomically(made.part() / description_file, description.dump(2) + "\n");
  made.commit();
  prune(folder_.path(), options_.keep_checkpoints);
}

std::string selection_reason(const RunOptions& o, const Candidate& selected, std::uint32_t steps,
                             std::size_t validation_examples) {
  const char* what = selected.selected == Selected::upper   ? "the upper adapter p"
                     : selected.selected == Selected::lower ? "the adapter"
                                                            : "the backbone";
  if (selected.selected == Selected::lower && o.trains() == Trains::both_levels) what = "the lower adapter s";
  if (o.validates())
    return fmt::format(
        "{} of step {} of {}: its loss on the {} validation examples held out of training, {:.4f}, "
        "is the lowest of the evaluated steps (every {})",
        what, selected.steps, steps, validation_examples, selected.loss, o.eval_steps);
  if (o.trains() == Trains::both_levels && validation_examples > 0)
    return fmt::format(
        "{} of the last step, {}: its loss on {} examples held out of training, {:.4f}, is not above "
        "the other adapter's, {:.4f}; --keep-checkpoints selects the best step, too",
        what, selected.steps, validation_examples, std::min(selected.upper_loss, selected.lower_loss),
        std::max(selected.upper_loss, selected.lower_loss));
  return fmt::format(
      "{} of the last step, {}: no step was compared with others; --keep-checkpoints selects the "
      "best by validation",
      what, selected.steps);
}

}  // namespace zofo::llm
