/// @file A meta-training run: one backbone, a pair of adapters a task, on a device.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zofo/bilevel/meta.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/estimate/random_sign.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/tune/adapter_store.hpp"
#include "zofo/tune/device.hpp"
#include "zofo/tune/evaluate.hpp"
#include "zofo/tune/meta_result.hpp"
#include "zofo/tune/meta_run.hpp"
#include "zofo/tune/meta_tasks.hpp"
#include "zofo/tune/method_result.hpp"
#include "zofo/tune/progress.hpp"

namespace zofo::tune {

/// Runs one method over the tasks and writes its run folder. Borrowed: all arguments must outlive it.
template <class Device>
class MetaTraining {
 public:
  using Backend = typename Device::Backend;
  using Vector = typename Backend::Vector;
  using Task = BasicMetaTask<Backend>;

  /// `base_model` is what the adapters' folders call θ_0; `interrupted` is asked after every step.
  MetaTraining(Device& device, Model& model, const std::vector<MetaTaskData>& tasks,
               const MetaTrainOptions& options, const RunFolder& folder, std::string base_model,
               Progress& progress, std::function<bool()> interrupted)
      : device_(device),
        tasks_(tasks),
        options_(options),
        folder_(folder),
        base_model_(std::move(base_model)),
        progress_(progress),
        interrupted_(std::move(interrupted)),
        lora_(make_lora(model.parameters.config(), options.lora_rank, options.lora_alpha,
                        options.lora_targets)),
        described_(describe(model.parameters)),
        weights_(model.parameters.values().size()),
        theta_(place(model.parameters)),
        transformer_(device.backend(), model.parameters.config(), lora_, options.recompute),
        store_(device, folder.file("adapters_on_disk"), options.in_memory, options.tied() ? 1 : tasks.size(),
               lora_.initial(options.seed)),
        pairs_(store_.empty_pairs()),
        metrics_(folder.file("metrics.jsonl")),
        trajectory_(folder.file("trajectory.jsonl")) {
    folder_.write("options.toml", to_toml(options_));
  }

  /// Trains, scores the training tasks' held-out rows before and after, and writes everything.
  MetaResult run() {
    result_.method = options_.method;
    for (const MetaTaskData& task : tasks_) result_.names.push_back(task.name());
    result_.before = score(nullptr);
    point("before", result_.before);
    InnerList states(pairs_.size());
    if (options_.method != "none") train(states);
    write_adapters(states);
    if (!result_.interrupted) {
      result_.after = score(&states);
      point("after", result_.after);
    }
    result_.peak = device_.peak_mib();
    folder_.write(MetaRun::file, to_json(described_).dump(2) + "\n");
    return result_;
  }

  /// The backbone after the run.
  [[nodiscard]] const typename Backend::Theta& theta() const { return theta_; }

 private:
  using Clock = std::chrono::steady_clock;
  using InnerList = std::vector<InnerStates<inner::Adam, Vector>>;

  [[nodiscard]] MetaRun describe(const model::Parameters& theta) const {
    MetaRun run;
    run.method = options_.method;
    run.model = fingerprint(theta);
    run.direction = options_.direction;
    run.tied = options_.tied();
    run.merged = options_.method == "joint-lora";
    run.adapted = options_.method == "bilevel" || options_.method == "frozen" || options_.method == "drift";
    for (const MetaTaskData& task : tasks_)
      run.tasks.push_back({task.name(), task.data->task.options, task.training_rows()});
    return run;
  }

  // ---- training ----
  [[nodiscard]] std::vector<Task> problems() {
    std::vector<Task> list;
    const bool adapted = options_.method != "joint-mezo";
    if (options_.tied()) {
      typename Task::Setup mixture{
          {}, options_.batch, adapted, options_.tasks_per_step, task_weights(options_, tasks_)};
      for (const MetaTaskData& task : tasks_) mixture.tasks.push_back(task.rows);
      list.emplace_back(transformer_, work_, std::move(mixture));
      return list;
    }
    for (const MetaTaskData& task : tasks_)
      list.emplace_back(transformer_, work_, typename Task::Setup{{task.rows}, options_.batch, adapted});
    return list;
  }
  void train(InnerList& states) {
    if (options_.direction == "rademacher")
      train(Rademacher{}, states);
    else
      train(Gaussian{}, states);
  }
  template <class Law>
  void train(Law law, InnerList& states) {
    const Central central{{options_.epsilon, options_.queries, options_.seed}};
    if (options_.method == "drift")
      train(law, RandomSign<Central>{central, options_.seed}, states);
    else
      train(law, central, states);
  }
  template <class Law, class Estimator>
  void train(Law law, Estimator estimator, InnerList& states) {
    using inner::Adam;
    std::vector<Task> list = problems();
    MetaOptions meta{loop_options(options_)};
    if (!options_.tied()) {
      meta.tasks_per_step = options_.tasks_per_step;
      meta.weights = task_weights(options_, tasks_);
    }
    MetaSolver<Task, Law, Estimator, outer::Sgd, Adam> solver(
        list, law, estimator, outer::Sgd{{.rate = options_.theta_rate}}, Adam{{.rate = options_.lower_rate}},
        Adam{{.rate = options_.upper_rate}}, meta);
    Clock::time_point start = Clock::now();
    for (bool go_on = true; go_on && solver.state().step < meta.loop.outer_steps;) {
      const std::uint32_t step = solver.state().step;
      if (options_.adapters == "reset" && step > 0 && step % options_.reset_every == 0)
        store_.reset(pairs_, solver.state().inner);
      store_.bring(solver.upcoming(), pairs_, solver.state().inner);
      const StepReport& report = solver.step(theta_, pairs_);
      const double now = std::chrono::duration<double>(Clock::now() - start).count();
      const double last = now - result_.seconds;
      result_.seconds = now;
      result_.steps = report.step + 1;
      result_.passes = work_.passes;
      record(report, solver.drawn());
      progress_.step(report, position());
      result_.interrupted = interrupted_();
      go_on = !result_.interrupted && (options_.seconds == 0.0 || now + last <= options_.seconds);
      if (go_on && point_is_due()) {  // costs no training time
        const Clock::time_point pause = Clock::now();
        point("curve", score(&solver.state().inner));
        start += Clock::now() - pause;
      }
    }
    states = std::move(solver.state().inner);
  }

  [[nodiscard]] double share_done() const {
    const double of_time = options_.seconds > 0.0 ? result_.seconds / options_.seconds : 0.0;
    const double of_steps = options_.steps > 0 ? static_cast<double>(result_.steps) / options_.steps : 0.0;
    return std::max(of_time, of_steps);
  }
  [[nodiscard]] Position position() const {
    const double share = share_done();
    const double left = share > 0.0 ? result_.seconds * (1.0 - share) / share : 0.0;
    return {result_.seconds, left, static_cast<double>(work_.tokens) / std::max(result_.seconds, 1e-9)};
  }
  [[nodiscard]] bool point_is_due() {
    const auto at = static_cast<std::uint32_t>(share_done() * options_.curve_points);
    if (at <= points_ || at >= options_.curve_points) return false;
    points_ = at;
    return true;
  }
  void record(const StepReport& report, std::span<const std::size_t> drawn) {
    for (const ZoTerm& term : report.gradient.terms) {
      const double applied = -options_.theta_rate * term.coefficient;
      if (applied == 0.0) continue;
      trajectory_.line(to_line({term.direction, applied}));
      squares_ += applied * applied;
    }
    result_.moved = std::sqrt(squares_ * static_cast<double>(weights_));
    metrics_.line(nlohmann::json{{"event", "step"},
                                 {"step", report.step},
                                 {"seconds", result_.seconds},
                                 {"passes", work_.passes},
                                 {"tokens", work_.tokens},
                                 {"tasks", std::vector<std::size_t>(drawn.begin(), drawn.end())},
                                 {"upper", report.upper},
                                 {"lower_p", report.lower_p},
                                 {"lower_s", report.lower_s},
                                 {"rho", report.projected_gradient},
                                 {"inner_s", report.inner_value_s},
                                 {"inner_p", report.inner_value_p}}
                      .dump());
  }

  // ---- scores and adapters ----
  void point(const char* event, const MetaScores& scores) {
    std::vector<double> losses, accuracies;
    for (const Scores& each : scores.tasks) {
      losses.push_back(each.loss);
      accuracies.push_back(each.balanced_accuracy);
    }
    metrics_.line(nlohmann::json{
        {"event", event},
        {"seconds", result_.seconds},
        {"steps", result_.steps},
        {"loss", scores.mean_loss()},
        {"balanced_accuracy", scores.mean_balanced_accuracy()},
        {"losses", losses},
        {"balanced_accuracies",
         accuracies}}.dump());
  }
  /// What a task is served with: p, or the one adapter of a joint run.
  [[nodiscard]] Eigen::VectorXf served(std::size_t task, const InnerList& states) const {
    const PackedPair packed = store_.packed(options_.tied() ? 0 : task, pairs_, states);
    return packed.vectors[options_.method == "joint-lora" ? 1 : 0];
  }
  /// Each task under its adapter; null: all under θ alone.
  [[nodiscard]] MetaScores score(const InnerList* states) {
    MetaScores scores;
    const bool adapted = states != nullptr && (described_.adapted || described_.merged);
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
      if (!adapted) {
        scores.tasks.push_back(evaluate<Backend>(transformer_, theta_, nullptr, tasks_[task].held_out));
        continue;
      }
      const Vector adapter = device_.vector(served(task, *states));
      scores.tasks.push_back(evaluate(transformer_, theta_, &adapter, tasks_[task].held_out));
    }
    return scores;
  }
  void write_adapters(const InnerList& states) {
    if (options_.method == "none" || options_.method == "joint-mezo") return;
    if (described_.merged) return write_adapter(MetaRun::merged_folder, served(0, states));
    const std::vector<std::string> names = described_.adapter_names();
    for (std::size_t i = 0; i < names.size(); ++i)
      write_adapter(MetaRun::adapter_folder(names[i]), served(i, states));
  }
  void write_adapter(const std::filesystem::path& name, const Eigen::VectorXf& values) const {
    const std::filesystem::path path = folder_.path() / name;
    std::error_code error;
    std::filesystem::create_directories(path, error);
    require(!error, "{}: cannot be made: {}", path.string(), error.message());
    // An adapter of a moved backbone belongs to the run, not to the model that it began with.
    const std::string base = options_.moves_backbone() ? folder_.path().string() : base_model_;
    peft::write_peft_lora(path, transformer_.config(), lora_,
                          std::span(values.data(), static_cast<std::size_t>(values.size())), base);
  }

  // The memory of the whole run is planned before any of it is taken.
  typename Backend::Theta& place(model::Parameters& theta) {
    RowExtent extent;
    for (const MetaTaskData& task : tasks_)
      for (const std::vector<EncodedRow>* rows : {&task.rows.upper, &task.rows.lower, &task.held_out})
        extent.cover(*rows);
    device_.expect(theta.config(), lora_, extent, {}, options_.recompute);
    return device_.place(theta);
  }

  Device& device_;
  const std::vector<MetaTaskData>& tasks_;
  const MetaTrainOptions& options_;
  const RunFolder& folder_;
  std::string base_model_;
  Progress& progress_;
  std::function<bool()> interrupted_;
  peft::Lora lora_;
  MetaRun described_;
  std::size_t weights_;
  typename Backend::Theta& theta_;
  model::BasicTransformer<Backend> transformer_;
  AdapterStore<Device> store_;
  typename AdapterStore<Device>::Pairs pairs_;
  AppendFile metrics_;
  AppendFile trajectory_;
  MetaResult result_;
  Work work_;
  double squares_ = 0.0;
  std::uint32_t points_ = 0;
};

}  // namespace zofo::tune
