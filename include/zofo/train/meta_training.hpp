/// @file A meta-training run: one backbone, a pair of adapters a task, on a device.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zofo/bilevel/meta.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/train/adapter_cache.hpp"
#include "zofo/train/device.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/train/meta_memory_bounds.hpp"
#include "zofo/run/meta_log.hpp"
#include "zofo/run/meta_result.hpp"
#include "zofo/run/meta_run.hpp"
#include "zofo/run/meta_state.hpp"
#include "zofo/train/meta_tasks.hpp"
#include "zofo/train/progress.hpp"
#include "zofo/train/timer.hpp"
#include "zofo/train/update_distance.hpp"
#include "zofo/runtime/make_policies.hpp"

namespace zofo::llm {

/// Runs one method over the tasks and writes its run folder. Borrowed: all arguments must outlive it.
template <class Device>
class MetaTraining {
 public:
  using Backend = typename Device::Backend;
  using Vector = typename Backend::Vector;
  using Task = BasicMetaTask<Backend>;

  /// What a run is told beside its inputs.
  struct Origin {
    std::string base_model;                           ///< what the adapters' folders call θ_0
    nlohmann::json place = nlohmann::json::object();  ///< kept for whoever resumes
    std::optional<checkpoint::RunState> saved = {};   ///< a state to go on from
  };

  /// `interrupted` is asked after every step. Throws Error, before the folder is touched, where a saved state
  /// was made with another model, other rows or another log.
  MetaTraining(Device& device, Model& model, const std::vector<MetaTaskData>& tasks,
               const MetaTrainOptions& options, const RunFolder& folder, Origin origin, Progress& progress,
               std::function<bool()> interrupted)
      : device_(device),
        tasks_(tasks),
        options_(options),
        folder_(folder),
        origin_(std::move(origin)),
        progress_(progress),
        interrupted_(std::move(interrupted)),
        lora_(meta_lora(model.parameters.config(), options.lora_rank, options.lora_alpha,
                        options.lora_targets)),
        identity_(meta_identity(model.parameters, tasks)),
        past_(read_past()),
        described_(describe(options, identity_.at("model").template get<std::string>(), tasks)),
        theta_(place(model.parameters)),
        law_(law_of(described_, theta_)),
        outer_(outer_of(described_)),
        moved_(law_, outer_, theta_),
        transformer_(device.backend(), model.parameters.config(), lora_, options.recompute),
        store_(device, folder.file("adapters_on_disk"), options.in_memory, options.tied() ? 1 : tasks.size(),
               lora_.initial(options.seed)),
        pairs_(store_.empty_pairs()),
        states_(pairs_.size()),
        log_(folder),
        saver_(folder, options.save_seconds, options.save_steps) {
    if (origin_.saved) go_on();
    folder_.write("options.toml", to_toml(options_));
    folder_.write(MetaRun::file, to_json(described_).dump(2) + "\n");
  }

  /// Trains, scores the training tasks' held-out rows before and after, and writes everything.
  MetaResult run() {
    result_.method = options_.method;
    for (const MetaTaskData& task : tasks_) result_.names.push_back(task.name());
    if (!origin_.saved) {
      result_.before = score(false);
      log_.scored("before", result_.before, tally_);
    }
    if (options_.method != "none") train();
    write_adapters();
    if (!result_.interrupted) {
      result_.after = score(true);
      log_.scored("after", result_.after, tally_);
    }
    result_.steps = tally_.steps;
    result_.seconds = tally_.seconds;
    result_.passes = tally_.passes;
    result_.moved = moved_.length(theta_);
    result_.peak = device_.peak_mib();
    return result_;
  }

  /// The backbone after the run.
  [[nodiscard]] const typename Backend::Theta& theta() const { return theta_; }

 private:
  using Clock = std::chrono::steady_clock;
  using Solver = MetaSolver<Task, AnyLaw, AnyReduction, AnyOuter, inner::Adam>;
  using InnerList = std::vector<InnerStates<inner::Adam, Vector>>;

  // ---- going on ----
  // Read and checked before anything of the folder is touched.
  [[nodiscard]] MetaLog::Past read_past() const {
    if (!origin_.saved) return {};
    check_identity(origin_.saved->template number<nlohmann::json>("identity"), identity_);
    return MetaLog::read(folder_, origin_.saved->template number<nlohmann::json>("log"));
  }
  void go_on() {
    const auto steps =
        checkpoint::parse_trajectory(past_.trajectory, folder_.file("trajectory.jsonl").string());
    load_reduction(device_, *origin_.saved, pairs_.size(), lora_.size(), reduction_);
    outer_state_ = replay(law_, outer_, steps, static_cast<std::uint32_t>(steps.size()), theta_,
                          [&](std::uint32_t step) {
                            if (reduction_.remembered.anchor == step) copy_theta(theta_, reduction_.theta);
                            if (step < steps.size()) moved_.step(ZoGradient{steps[step].terms});
                          });
    require(!reduction_.remembered.anchor || reduction_.theta,
            "{}: {} steps: the saved state has an anchor at step {}",
            folder_.file("trajectory.jsonl").string(), steps.size(), *reduction_.remembered.anchor);
    tally_ = tally_of(*origin_.saved);
    result_.before = scores_of(*origin_.saved);
    for_each_saved_pair(*origin_.saved, pairs_.size(), lora_.size(),
                        [&](std::size_t task, const PackedPair& pair) {
                          store_.put(task, pair, pairs_, states_);
                          const std::size_t all[] = {task};
                          store_.bring(all, pairs_, states_);  // no more in memory than may be
                        });
    log_.go_on_after(past_);
    folder_.unmark_done();
    past_ = {};
  }
  [[nodiscard]] checkpoint::RunState state() {
    checkpoint::RunState saved;
    saved.numbers = {{"of", "meta-train"},
                     {"version", meta_state_version},
                     {"options", to_toml(options_)},
                     {"place", origin_.place},
                     {"identity", identity_},
                     {"tally", to_json(tally_)},
                     {"before", to_json(result_.before)},
                     {"log", log_.position()},
                     {"pairs", nlohmann::json::array()}};
    for (std::size_t task = 0; task < pairs_.size(); ++task)
      if (store_.begun(task)) save_pair(task, store_.packed(task, pairs_, states_), saved);
    save_reduction(device_, reduction_, saved);
    return saved;
  }
  void save() {
    saver_.save(tally_.seconds, [&] { return state(); });
  }
  // ---- training ----
  void train() {
    using inner::Adam;
    std::vector<Task> list = meta_problems(transformer_, work_, options_, tasks_);
    MetaOptions meta{loop_options(options_)};
    if (!options_.tied()) {
      meta.tasks_per_step = options_.tasks_per_step;
      meta.weights = task_weights(options_, tasks_);
    }
    Solver solver(list, law_, make_reduction(options_, options_.method == "drift"), outer_,
                  Adam{{.rate = options_.lower_rate}}, Adam{{.rate = options_.upper_rate}}, meta);
    solver.state().step = tally_.steps;
    std::swap(solver.state().outer, outer_state_);
    exchange(solver);
    work_ = {tally_.passes, tally_.tokens};
    saver_.start(tally_.seconds);
    double expected = 0.0;  // of the next step
    for (bool go_on = true; go_on && tally_.steps < meta.loop.outer_steps;) {
      const Clock::time_point start = Clock::now();
      if (options_.adapters == "reset" && tally_.steps > 0 && tally_.steps % options_.reset_every == 0)
        store_.reset(pairs_, solver.state().inner);
      store_.bring(wanted(solver), pairs_, solver.state().inner);
      const StepReport& report = solver.step(theta_, pairs_);
      const double taken = std::chrono::duration<double>(Clock::now() - start).count();
      tally_.seconds += taken;
      record(report, solver.drawn());
      expected = expect_seconds(expected, taken, tally_.steps);
      progress_.step(report, position(options_, tally_));
      result_.interrupted = interrupted_();
      go_on =
          !result_.interrupted && (options_.seconds == 0.0 || tally_.seconds + expected <= options_.seconds);
      exchange(solver);  // scores and saved states cost no training time
      if (go_on && point_is_due(options_, tally_)) log_.scored("curve", score(true), tally_);
      if (saver_.due(tally_.steps, tally_.seconds)) save();
      exchange(solver);
    }
    exchange(solver);
    if (saver_.saves()) save();
  }

  // The adapters that a step looks at; an anchor holds those of all tasks.
  [[nodiscard]] std::vector<std::size_t> wanted(const Solver& solver) const {
    if (options_.reduction == "none") return solver.upcoming();
    std::vector<std::size_t> all(pairs_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
  }
  // Adapters' moments and the reduction are the solver's in a step, and the run's between steps.
  void exchange(Solver& solver) {
    solver.state().inner.swap(states_);
    std::swap(solver.state().reduction, reduction_);
  }
  void record(const StepReport& report, std::span<const std::size_t> drawn) {
    tally_.steps = report.step + 1;
    tally_.passes = work_.passes;
    tally_.tokens = work_.tokens;
    if (options_.moves_backbone()) moved_.step(report.gradient);
    log_.step(report, tally_, drawn);
  }

  // ---- scores and adapters ----
  /// What a task is served with: p, or the one adapter of a joint run.
  [[nodiscard]] Eigen::VectorXf served(std::size_t task) const {
    const PackedPair packed = store_.packed(options_.tied() ? 0 : task, pairs_, states_);
    return packed.vectors[options_.method == "joint-lora" ? 1 : 0];
  }
  /// Each task under its adapter, where there are some, or all under θ alone.
  [[nodiscard]] MetaScores score(bool with_adapters) {
    MetaScores scores;
    const bool adapted = with_adapters && (described_.adapted || described_.merged);
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
      if (!adapted) {
        scores.tasks.push_back(evaluate<Backend>(transformer_, theta_, nullptr, tasks_[task].held_out));
        continue;
      }
      const Vector adapter = device_.vector(served(task));
      scores.tasks.push_back(evaluate(transformer_, theta_, &adapter, tasks_[task].held_out));
    }
    return scores;
  }
  void write_adapters() {
    // An adapter of a moved backbone belongs to the run, not to the model that it began with.
    const std::string base = options_.moves_backbone() ? folder_.path().string() : origin_.base_model;
    const auto write = [&](const std::filesystem::path& name, const Eigen::VectorXf& values) {
      write_run_adapter(folder_.path() / name, transformer_.config(), lora_, values, base);
    };
    if (described_.merged) return write(MetaRun::merged_folder, served(0));
    const std::vector<std::string> names = described_.adapter_names();
    for (std::size_t i = 0; i < names.size(); ++i) write(MetaRun::adapter_folder(names[i]), served(i));
  }

  // The memory of the whole run is planned before any of it is taken.
  typename Backend::Theta& place(model::Parameters& theta) {
    const RowExtent row = extent_of(tasks_);
    device_.expect(theta.config(), lora_, row, meta_pass_rows<Backend>(options_, tasks_, row),
                   options_.recompute);
    return device_.place(theta);
  }

  Device& device_;
  const std::vector<MetaTaskData>& tasks_;
  const MetaTrainOptions& options_;
  const RunFolder& folder_;
  Origin origin_;
  Progress& progress_;
  std::function<bool()> interrupted_;
  peft::Lora lora_;
  nlohmann::json identity_;
  MetaLog::Past past_;
  MetaRun described_;
  typename Backend::Theta& theta_;
  AnyLaw law_;
  AnyOuter outer_;
  Moved<typename Backend::Theta> moved_;
  model::BasicTransformer<Backend> transformer_;
  AdapterStore<Device> store_;
  typename AdapterStore<Device>::Pairs pairs_;
  InnerList states_;  ///< the solver's own while it takes a step, as the next
  decltype(Solver::State::reduction) reduction_;
  AnyOuter::State<typename Backend::Theta> outer_state_;  ///< what a run that goes on begins with
  MetaLog log_;
  Saver saver_;
  MetaResult result_;
  MetaTally tally_;
  Work work_;
};

}  // namespace zofo::llm
