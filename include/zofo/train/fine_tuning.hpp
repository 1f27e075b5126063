/// @file One fine-tuning run: every method is the same solver with other parts, and a run that was cut off
/// goes on as if it had not been.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "zofo/bilevel/outer_evaluation.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/data/task.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/train/gradient_accumulation.hpp"
#include "zofo/train/zo_adapter_problem.hpp"
#include "zofo/train/budget.hpp"
#include "zofo/train/device.hpp"
#include "zofo/train/early_stopping.hpp"
#include "zofo/train/language_problem.hpp"
#include "zofo/train/timer.hpp"
#include "zofo/run/method_result.hpp"
#include "zofo/config/options.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/train/progress.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/run/resume_info.hpp"
#include "zofo/run/checkpointer.hpp"
#include "zofo/run/selected_model_file.hpp"
#include "zofo/train/trained_model.hpp"
#include "zofo/run/solver_state.hpp"

namespace zofo::llm {

/// Runs one method on a device (train/device.hpp) and writes its run folder. Borrowed: all arguments but the
/// origin must outlive it.
template <class Device>
class FineTuning {
 public:
  using Backend = typename Device::Backend;

  /// `interrupted` is asked after every step. Throws Error where options, model and rows do not go together,
  /// or are not those of the saved state; the run folder is as it was then.
  FineTuning(Device& device, Model& model, const data::TaskData& data, const Options& options,
             const RunFolder& folder, Progress& progress, std::function<bool()> interrupted,
             Origin origin = {})
      : device_(device),
        model_(model),
        options_(checked(options, origin)),
        folder_(folder),
        progress_(progress),
        interrupted_(std::move(interrupted)),
        origin_(std::move(origin)),
        rows_(model, data, options),
        identity_(identity(model.parameters, rows_)),
        past_(origin_, identity_, folder),
        serving_(device, model.parameters, options, rows_),
        log_(folder, options.batch),
        budget_(options),
        saver_(folder, options.save_seconds, options.save_steps),
        stopping_(options.patience),
        meter_(options.batch) {
    folder_.write("options.toml", to_toml(options_));
  }

  /// Trains, decides what is served, scores it on the held-out rows and writes everything.
  MethodResult run() {
    train();
    const Served served = decide();
    write_served(folder_.path(), model_.parameters.config(), served, origin_.place.value("model", ""));
    const Tally& tally = meter_.tally();
    MethodResult result;
    result.method = options_.method;
    result.adapter = options_.adapter;
    result.steps = tally.steps;
    result.seconds = tally.seconds;
    result.passes = tally.passes(options_.batch);
    result.served = served.what;
    result.served_steps = served.steps;
    result.interrupted = stopped_;
    result.stopped_early = !stopped_ && stopping_.exhausted();
    if (!stopped_) {
      progress_.note(fmt::format("{} steps in {:.1f} s; scoring {} held-out rows", result.steps,
                                 result.seconds, rows_.held_out.size()));
      result.scores = serving_.final_score(model_, served);
      if (options_.curve_points > 0) curve_point();
      log_.scored("final", tally, result.scores);
    } else if (log_.last_point()) {
      result.scores = *log_.last_point();
    }
    result.model_hash = identity_.at("model").template get<std::string>();
    result.theta_hash = hash_of(serving_.theta());
    if (served.adapter) result.adapter_hash = hash_of(served.adapter->values);
    result.peak = device_.peak_mib();
    return result;
  }

  /// The backbone after the run.
  [[nodiscard]] const typename Backend::Theta& theta() const { return serving_.theta(); }

 private:
  using Language = Accumulated<BasicLanguageProblem<Backend>>;

  static const Options& checked(const Options& options, const Origin& origin) {
    options.check();
    origin.check(options);
    return options;
  }

  void train() {
    Language problem(
        {serving_.transformer(),
         {rows_.split.upper, rows_.split.lower, options_.batch, trains(options_) != Trains::backbone}},
        options_.accumulate);
    work_ = &problem.problem().work();
    if (trains(options_) == Trains::adapter_by_estimates) {
      AdapterProblem<Device, Language> in_adapter(device_, serving_.theta(), problem);
      NoAdapter p, s;
      train_on(in_adapter, serving_.moved(), p, s, inner::Sgd{}, inner::Sgd{});
    } else {
      train_on(problem, serving_.theta(), serving_.p(), serving_.s(), lower_adam(options_),
               upper_adam(options_));
    }
  }

  template <class Problem, class Inner>
  void train_on(Problem& problem, typename Problem::Theta& theta, typename Problem::Adapter& p,
                typename Problem::Adapter& s, Inner lower, Inner upper) {
    const AnyLaw law = make_law(options_, theta);
    const AnyOuter outer = make_outer(options_);
    Solver<Problem, AnyLaw, AnyReduction, AnyOuter, Inner> solver(
        problem, law, make_reduction(options_), outer, lower, upper, loop_options(options_));
    const auto save = [&] {
      saver_.save(meter_.tally().seconds, [&] { return pack(solver.state(), p, s); });
    };
    if (origin_.saved)
      go_on(*origin_.saved, solver.state(), law, outer, theta, p, s);
    else
      save();
    const Tally& tally = meter_.tally();
    if (tally.steps == 0 && options_.curve_points > 0) curve_point();
    budget_.start(tally);
    saver_.start(tally.seconds);
    meter_.start();
    if (goes_on()) {
      solver.run(theta, p, s, [&](const StepReport& report) { return after(report, save); });
      if (stopping_.on() && !stopped_ && stopping_.latest() < tally.steps) judge();
      save();
    }
    if constexpr (std::is_same_v<typename Problem::Theta, typename Backend::Theta>) go_back(law, outer);
  }

  template <class Save>
  bool after(const StepReport& report, const Save& save) {
    meter_.step(report.step + 1, *work_);
    const Tally& tally = meter_.tally();
    log_.step(report, tally);
    progress_.step(report, {tally.seconds, budget_.left(tally),
                            static_cast<double>(tally.tokens) / std::max(tally.seconds, 1e-9)});
    if (stopping_.on() && tally.steps % options_.evaluate_steps == 0) judge();
    stopped_ = interrupted_();
    if (stopped_ || !goes_on()) return false;
    // The picture's points cost no training time.
    if (budget_.point_is_due(tally)) meter_.pause([&] { curve_point(); });
    if (saver_.due(tally.steps, tally.seconds)) save();
    meter_.go_on();
    return true;
  }
  [[nodiscard]] bool goes_on() const {
    return !stopping_.exhausted() && budget_.allows(meter_.tally(), meter_.next());
  }

  void curve_point() { log_.scored("curve", meter_.tally(), serving_.score_now(rows_.of_curve(options_))); }
  void judge() {
    Candidate now = serving_.candidate(meter_.tally().steps, true);
    meter_.evaluated(serving_.judged_rows());
    log_.judged(meter_.tally(), now);
    stopping_.see(std::move(now));
  }

  template <class State, class P>
  checkpoint::RunState pack(const State& state, const P& p, const P& s) {
    checkpoint::RunState out;
    out.numbers = {{"version", state_version},
                   {"options", to_toml(options_)},
                   {"place", origin_.place},
                   {"identity", identity_}};
    log_.save(out);
    meter_.save(out);
    save_solver(device_, state, p, s, out);
    stopping_.save(out);
    return out;
  }
  template <class State, class Theta, class P>
  void go_on(const checkpoint::RunState& saved, State& state, const AnyLaw& law, const AnyOuter& outer,
             Theta& theta, P& p, P& s) {
    log_.load(saved);
    meter_.load(saved);
    stopping_.load(saved);
    load_solver(device_, saved, state, p, s);
    state.step = meter_.tally().steps;
    const std::uint32_t moves = trains(options_) == Trains::adapter ? 0 : state.step;
    require(past_.steps.size() == moves, "{}: {} steps: the saved state is one of {}",
            folder_.file("trajectory.jsonl").string(), past_.steps.size(), moves);
    progress_.note(fmt::format("going on after step {}", state.step));
    state.outer = replay(law, outer, past_.steps, moves, theta, [&](std::uint32_t step) {
      if (state.reduction.remembered.anchor == step) copy_theta(theta, state.reduction.theta);
    });
    folder_.unmark_done();
    log_.go_on_after(past_.metrics, past_.trajectory);
  }
  // To the backbone that early stopping found the best.
  void go_back(const AnyLaw& law, const AnyOuter& outer) {
    if (!stopping_.best() || stopped_ || !moves_backbone(options_)) return;
    if (stopping_.best()->steps == meter_.tally().steps) return;
    model_.parameters = origin_.theta_0();
    device_.place(model_.parameters);
    replay(law, outer, read_trajectory(folder_.file("trajectory.jsonl")), stopping_.best()->steps,
           serving_.theta());
  }

  Served decide() {
    const bool best = stopping_.best() && !stopped_;
    return serving_.served(best ? *stopping_.best() : serving_.candidate(meter_.tally().steps, false));
  }

  Device& device_;
  Model& model_;
  const Options& options_;
  const RunFolder& folder_;
  Progress& progress_;
  std::function<bool()> interrupted_;
  Origin origin_;
  RunRows rows_;
  nlohmann::json identity_;
  Past past_;
  Serving<Device> serving_;
  RunLog log_;
  Budget budget_;
  Saver saver_;
  EarlyStopping stopping_;
  Meter meter_;
  const Work* work_ = nullptr;
  bool stopped_ = false;
};

}  // namespace zofo::llm
