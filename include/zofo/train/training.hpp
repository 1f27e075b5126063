/// @file One training run over a list of tasks. Every method is the same solver with other parts. An
/// interrupted run continues exactly.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/bilevel/solver.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/run/checkpointer.hpp"
#include "zofo/run/fingerprint.hpp"
#include "zofo/run/replay.hpp"
#include "zofo/run/resume_info.hpp"
#include "zofo/run/run_log.hpp"
#include "zofo/run/run_result.hpp"
#include "zofo/run/run_state.hpp"
#include "zofo/run/state_archive.hpp"
#include "zofo/run/task_scores.hpp"
#include "zofo/runtime/make_policies.hpp"
#include "zofo/train/adapter_checkpoints.hpp"
#include "zofo/train/best_candidate.hpp"
#include "zofo/train/budget.hpp"
#include "zofo/train/fingerprints.hpp"
#include "zofo/train/progress.hpp"
#include "zofo/train/run_outputs.hpp"
#include "zofo/train/run_problem.hpp"
#include "zofo/train/run_task.hpp"
#include "zofo/train/smoothing.hpp"
#include "zofo/train/step_numbers.hpp"
#include "zofo/train/timer.hpp"
#include "zofo/train/trained_model.hpp"
#include "zofo/train/update_distance.hpp"
#include "zofo/train/zo_adapter_problem.hpp"

namespace zofo::llm {

/// The inputs of a run, all borrowed.
struct RunInputs {
  Model& model;                       ///< updated where the run trains the backbone
  const std::vector<RunTask>& tasks;  ///< with examples as tokens
  const RunOptions& options;          ///< of the run
  const RunFolder& folder;            ///< where the run is written
  Progress& progress;                 ///< receives steps and messages
};

/// Runs one method on a device (train/device.hpp) and writes its run folder.
template <class Device>
class Training {
 public:
  using Backend = typename Device::Backend;  ///< of the device

  /// `interrupted` is called after every step; true ends the run, which can be resumed. Throws Error and
  /// leaves the run folder unchanged where options, model and tasks do not fit together, or are not those of
  /// the saved state.
  Training(Device& device, RunInputs inputs, std::function<bool()> interrupted, ResumeInfo resume_info = {})
      : device_(device),
        inputs_(checked(inputs, resume_info)),
        options_(inputs.options),
        interrupted_(std::move(interrupted)),
        resume_info_(std::move(resume_info)),
        model_hash_(hash_of_model(inputs.model.parameters)),
        saved_log_(resume_info_, as_saved(), inputs.folder),
        model_(device, inputs.model.parameters, options_, inputs.tasks,
               inputs.folder.file("adapters_on_disk")),
        log_(inputs.folder, options_, names_of(inputs.tasks)),
        steps_per_epoch_(steps_per_epoch(options_, inputs.tasks)),
        budget_(options_, steps_per_epoch_),
        checkpointer_(inputs.folder, options_.save_seconds, options_.save_steps),
        stopping_(options_.early_stopping_patience, options_.validates()),
        checkpoints_(inputs.folder, options_) {
    // A saved state that does not fit must leave the folder unchanged: resume() describes later.
    if (!resume_info_.saved || options_.trains() == Trains::nothing) describe();
  }

  /// Trains, selects the model, scores it on the held-out examples and writes everything except result.json.
  RunResult run() {
    if (resume_info_.saved && resume_info_.saved->json().contains("before"))
      before_ = task_scores_from(*resume_info_.saved, "before");
    if (options_.scores_before() && before_.empty())
      score(ScoreEvent::before, [&] { return before_ = model_.score_backbone(0); });
    const std::string warning =
        smoothing_warning(options_, sizeof(typename Backend::Scalar) == 2 ? Precision::bf16 : Precision::fp32,
                          std::as_const(inputs_.model.parameters).values(), model_.estimated_adapter());
    if (!warning.empty()) inputs_.progress.note(warning);
    if (options_.trains() != Trains::nothing) train();
    const Candidate selected =
        stopping_.best() && !stopped_ ? *stopping_.best() : model_.candidate(timer_.counters().steps, false);
    outputs().write(selected, timer_.counters().steps, model_.validation_examples());
    return result(selected);
  }

  /// The backbone after the run.
  [[nodiscard]] const typename Backend::Theta& theta() const { return model_.theta(); }

 private:
  static RunInputs checked(const RunInputs& inputs, const ResumeInfo& resume_info) {
    inputs.options.check(inputs.tasks.size());
    resume_info.check(inputs.options);
    return inputs;
  }
  [[nodiscard]] nlohmann::json as_saved() const {
    if (!resume_info_.saved) return {};
    return fingerprints_as_saved(resume_info_.saved->template number<nlohmann::json>("identity"), model_hash_,
                                 inputs_.tasks);
  }
  void describe() const {
    inputs_.folder.write("options.toml", to_toml(options_));
    outputs().describe();
  }
  [[nodiscard]] RunOutputs outputs() const {
    return {inputs_.folder,  options_,
            inputs_.tasks,   inputs_.model.parameters.config(),
            model_.layout(), resume_info_.base_model,
            model_hash_};
  }

  // ---- training ----
  void train() {
    auto problem = language_problem(model_.transformer(), options_, inputs_.tasks);
    work_ = &problem.work();
    if (options_.trains() == Trains::adapter_by_estimates) {
      AdapterProblem<Device, decltype(problem)> in_adapter(device_, model_.theta(), problem);
      NoTaskAdapters none(problem.num_tasks());
      train_on(in_adapter, model_.estimated_adapter(), none, inner::Sgd{}, inner::Sgd{});
    } else {
      train_on(problem, model_.theta(), model_.adapters(), lower_adam(options_), upper_adam(options_));
    }
  }

  template <class Problem, class Adapters, class Inner>
  void train_on(Problem& problem, typename Problem::Theta& theta, Adapters& adapters, Inner lower,
                Inner upper) {
    using RunSolver = Solver<Problem, AnyPerturbation, AnyReduction, AnyOuter, Inner>;
    const AnyPerturbation perturbation = make_perturbation(options_, theta);
    const AnyOuter outer = make_outer(options_);
    BilevelOptions loop = loop_options(options_);
    if (!options_.tied()) loop.task_weights = task_weights(options_, inputs_.tasks);
    RunSolver solver(problem,
                     Policies<AnyPerturbation, AnyReduction, AnyOuter, Inner>{
                         perturbation, make_reduction(options_), outer, lower, upper},
                     loop);
    UpdateDistance distance(perturbation, outer, theta);
    const auto save = [&] {
      checkpointer_.save(timer_.counters().seconds, [&] { return state(solver, adapters); });
    };
    if (resume_info_.saved) resume(solver, adapters, theta, distance);
    const bool continues = can_continue();
    if (continues) adapters.prepare(solver);
    if (!resume_info_.saved) save();
    const Counters& counters = timer_.counters();
    if (counters.steps == 0 && options_.curve_points > 0 && !options_.scores_before()) curve_point();
    budget_.start(counters);
    checkpointer_.start(counters.seconds);
    timer_.start();
    if (continues) {
      solver.solve(
          theta, adapters.pairs(),
          [&](const StepReport& report) {
            if (options_.takes_estimates()) distance.add(report.gradient);
            const bool next = after(report, numbers_of(options_, solver, lower, upper), save);
            if (next) adapters.prepare(solver);
            if (next) timer_.proceed();
            return next;
          },
          loop.outer_steps - solver.state().step);
      if (stopping_.on() && !stopped_ && stopping_.latest() < counters.steps) evaluate_candidate();
      save();
      write_checkpoint();
    }
    update_norm_ = distance.length(theta);
    if constexpr (std::same_as<typename Problem::Theta, typename Backend::Theta>)
      restore_best_backbone(perturbation, outer);
  }

  // Called after each step; false ends the run.
  template <class Save>
  bool after(const StepReport& report, StepNumbers numbers, const Save& save) {
    timer_.step(report.step + 1, *work_);
    const Counters& counters = timer_.counters();
    numbers.seconds = timer_.step_seconds();
    numbers.peak_mib = device_.peak_mib();
    log_.step(report, counters, numbers);
    inputs_.progress.step(report, {counters.seconds, budget_.left(counters),
                                   static_cast<double>(counters.tokens) / std::max(counters.seconds, 1e-9)});
    if (stopping_.on() && counters.steps % options_.eval_steps == 0) evaluate_candidate();
    stopped_ = interrupted_();
    if (stopped_ || !can_continue()) return false;
    if (budget_.point_is_due(counters)) curve_point();
    if (checkpoints_.due() || checkpointer_.due(counters.steps, counters.seconds)) save();
    write_checkpoint();
    return true;
  }
  // After save(): the checkpoint has a copy of the saved state.
  void write_checkpoint() {
    if (checkpoints_.due())
      checkpoints_.write(inputs_.model.parameters.config(), model_.layout(), resume_info_.base_model);
  }
  [[nodiscard]] bool can_continue() const {
    return !stopping_.exhausted() && budget_.allows(timer_.counters(), timer_.next());
  }

  void curve_point() {
    score(ScoreEvent::curve, [&] { return model_.score_current(options_.curve_samples); });
  }
  // Logs and shows the scores that compute() returns. Its time is not counted as training.
  template <class Compute>
  std::vector<Scores> score(ScoreEvent event, Compute&& compute) {
    std::vector<Scores> scores;
    const double seconds = timer_.scoring([&] { scores = compute(); });
    log_.scored(event, timer_.counters(), scores);
    inputs_.progress.scored(timer_.counters().steps, scores, seconds);
    return scores;
  }
  void evaluate_candidate() {
    Candidate now = model_.candidate(timer_.counters().steps, true);
    timer_.evaluated(model_.examples_of_validation());
    log_.validated(timer_.counters(), now);
    checkpoints_.evaluated(now);
    stopping_.consider(std::move(now));
  }

  // ---- saving and resuming ----
  // Everything except θ, the outer optimiser's state and the anchor's θ̃: a replay of the trajectory restores
  // these.
  template <class RunSolver, class Adapters>
  checkpoint::RunState state(RunSolver& solver, Adapters& adapters) {
    checkpoint::RunState out;
    out.json() = {{"version", state_version},
                  {"command", to_text(options_.command)},
                  {"options", to_toml(options_)},
                  {"place", resume_info_.paths},
                  {"identity", fingerprints(model_hash_, inputs_.tasks)}};
    if (!before_.empty()) out.json()["before"] = to_json(before_);
    out.json()["steps_per_epoch"] = steps_per_epoch_;
    log_.save(out);
    timer_.save(out);
    stopping_.save(out);
    adapters.save(solver, out);
    auto& own = solver.state();
    save_values(device_, solver_name, out, own.estimator, own.evaluations, own.anchor.penalty,
                own.anchor.adapters);
    return out;
  }
  template <class RunSolver, class Adapters, class Theta>
  void resume(RunSolver& solver, Adapters& adapters, Theta& theta, UpdateDistance<Theta>& distance) {
    const checkpoint::RunState& saved = *resume_info_.saved;
    log_.load(saved);
    timer_.load(saved);
    stopping_.load(saved);
    adapters.load(solver, saved);
    auto& own = solver.state();
    load_values(device_, solver_name, saved, peft::size(model_.layout()), own.estimator, own.evaluations,
                own.anchor.penalty, own.anchor.adapters);
    own.step = timer_.counters().steps;
    const std::uint32_t updates = options_.takes_estimates() ? own.step : 0;
    const std::string file = inputs_.folder.file("trajectory.jsonl").string();
    require(saved_log_.steps.size() == updates, "{}: {} steps: the saved state is one of {}", file,
            saved_log_.steps.size(), updates);
    inputs_.progress.note(fmt::format("continuing after step {}", own.step));
    own.outer = replay(solver.perturbation(), solver.outer(), saved_log_.steps, updates, theta,
                       [&](std::uint32_t step) {
                         if (own.estimator.anchor == step) copy_theta(theta, own.anchor.theta);
                         if (step < updates) distance.add(saved_log_.steps[step].update);
                       });
    require(!own.estimator.anchor || own.anchor.theta,
            "{}: {} steps: the saved state has an anchor at step {}", file, updates,
            own.estimator.anchor.value_or(0));
    const std::size_t anchored = own.anchor.adapters.size();
    require(
        own.estimator.anchor.has_value() == (anchored > 0) && (anchored == 0 || anchored == own.tasks.size()),
        "saved state: solver: adapters of {} tasks at the anchor", anchored);
    if (resume_info_.from_step) rewind_to(inputs_.folder, *resume_info_.from_step);
    describe();
    inputs_.folder.unmark_done();
    log_.continue_after(saved_log_.log, saved);
    saved_log_.steps.clear();
  }
  // Replays the trajectory up to the best candidate of early stopping.
  void restore_best_backbone(const AnyPerturbation& perturbation, const AnyOuter& outer) {
    if (!stopping_.best() || stopped_ || !options_.updates_backbone()) return;
    const std::uint32_t best = stopping_.best()->steps;
    if (best == timer_.counters().steps) return;
    inputs_.model.parameters = resume_info_.theta_0();
    auto& theta = device_.place(inputs_.model.parameters);
    UpdateDistance distance(perturbation, outer, theta);
    const auto steps = read_trajectory(inputs_.folder.file("trajectory.jsonl"));
    replay(perturbation, outer, steps, best, theta, [&](std::uint32_t step) {
      if (step < best) distance.add(steps[step].update);
    });
    update_norm_ = distance.length(theta);
  }

  // ---- result ----
  RunResult result(const Candidate& selected) {
    std::vector<Scores> scores = stopped_ ? log_.last_point() : final_scores(selected);
    RunResult result = result_of(options_, inputs_.tasks, timer_.counters(), selected);
    result.update_norm = update_norm_;
    result.interrupted = stopped_;
    result.stopped_early = !stopped_ && stopping_.exhausted();
    result.before = before_;
    result.after = std::move(scores);
    result.model_hash = model_hash_;
    result.theta_hash = hash_of(model_.theta());
    result.peak = device_.peak_mib();
    return result;
  }
  std::vector<Scores> final_scores(const Candidate& selected) {
    const Counters& counters = timer_.counters();
    std::size_t examples = 0;
    for (const RunTask& task : inputs_.tasks) examples += task.held_out.size();
    inputs_.progress.note(fmt::format("{} steps in {:.1f} s; scoring {} held-out examples", counters.steps,
                                      counters.seconds, examples));
    if (options_.curve_points > 0 && !options_.scores_before()) curve_point();
    return score(options_.scores_before() ? ScoreEvent::after : ScoreEvent::final,
                 [&] { return model_.final_scores(inputs_.model, selected); });
  }

  Device& device_;
  RunInputs inputs_;
  const RunOptions& options_;
  std::function<bool()> interrupted_;
  ResumeInfo resume_info_;
  std::string model_hash_;
  SavedLog saved_log_;
  TrainedModel<Device> model_;
  RunLog log_;
  double steps_per_epoch_;
  Budget budget_;
  Checkpointer checkpointer_;
  BestCandidate stopping_;
  AdapterCheckpoints checkpoints_;
  Timer timer_;
  std::vector<Scores> before_;
  const Work* work_ = nullptr;
  double update_norm_ = 0.0;
  bool stopped_ = false;
};

}  // namespace zofo::llm
