/// @file One fine-tuning run: Bilevel-ZOFO, LoRA alone and MeZO are the same solver with parts switched off.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/bilevel/solver.hpp"
#include "zofo/data/batcher.hpp"
#include "zofo/data/task.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/estimate/forward.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/tune/device.hpp"
#include "zofo/tune/encode_rows.hpp"
#include "zofo/tune/evaluate.hpp"
#include "zofo/tune/extents.hpp"
#include "zofo/tune/language_problem.hpp"
#include "zofo/tune/load_model.hpp"
#include "zofo/tune/method_result.hpp"
#include "zofo/tune/options.hpp"
#include "zofo/tune/progress.hpp"
#include "zofo/tune/run_folder.hpp"
#include "zofo/tune/split.hpp"

namespace zofo::tune {

/// Runs one method on a device (tune/device.hpp) and writes its run folder. Borrowed: all arguments must
/// outlive it.
template <class Device>
class FineTuning {
 public:
  using Backend = typename Device::Backend;
  using Vector = typename Backend::Vector;

  /// `interrupted` is asked after every step.
  FineTuning(Device& device, Model& model, const data::TaskData& data, const Options& options,
             const RunFolder& folder, Progress& progress, std::function<bool()> interrupted)
      : device_(device),
        options_(options),
        folder_(folder),
        progress_(progress),
        interrupted_(std::move(interrupted)),
        lora_(make_lora(model.parameters.config(), options.lora_rank, options.lora_alpha,
                        options.lora_targets)),
        split_(split_rows(options.method,
                          encode_rows(RowEncoder(model, data.task, Purpose::training, data.demonstrations),
                                      data.train, options.train_rows, "train.jsonl"),
                          options.seed)),
        held_out_(encode_rows(RowEncoder(model, data.task, Purpose::scoring, data.demonstrations),
                              data.validation, options.validation_rows, "validation.jsonl")),
        theta_(place(model.parameters)),
        transformer_(device.backend(), model.parameters.config(), lora_, options.recompute),
        p_(device.vector(lora_.initial(options.seed))),
        s_(p_),
        metrics_(folder.file("metrics.jsonl")),
        trajectory_(folder.file("trajectory.jsonl")) {
    options_.check();
    folder_.write("options.toml", to_toml(options_));
  }

  /// Trains, decides what is served, scores it on the held-out rows and writes everything.
  MethodResult run() {
    MethodResult result;
    result.method = options_.method;
    with_law([&](auto law) { with_estimator([&](auto estimator) { train(law, estimator, result); }); });
    const Served served = decide();
    folder_.write("adapter.bin", to_bytes(served));
    result.served = served.what;
    result.interrupted = stopped_;
    if (!stopped_) {
      progress_.note(fmt::format("{} steps in {:.1f} s; scoring {} held-out rows", result.steps,
                                 result.seconds, held_out_.size()));
      result.scores = score(served_vector(served), held_out_);
      if (options_.curve_points > 0)
        curve_point(result.seconds, result.passes, score_now(curve_rows()), false);
      curve_point(result.seconds, result.passes, result.scores, true);
    } else if (last_point_) {
      result.scores = *last_point_;
    }
    result.peak = device_.peak_mib();
    return result;
  }

  /// The backbone after the run.
  [[nodiscard]] const typename Backend::Theta& theta() const { return theta_; }

 private:
  using Clock = std::chrono::steady_clock;

  template <class Use>
  void with_law(Use&& use) {
    if (options_.direction == "rademacher")
      use(Rademacher{});
    else
      use(Gaussian{});
  }
  template <class Use>
  void with_estimator(Use&& use) {
    const EstimatorOptions estimator{options_.epsilon, options_.queries, options_.seed};
    if (options_.one_sided)
      use(Forward{estimator});
    else
      use(Central{estimator});
  }

  [[nodiscard]] BilevelOptions solver_options() const {
    BilevelOptions o;
    // Without a step limit time ends the run; the bound is that inner samples are numbered in 32 bits.
    o.inner_steps = options_.method == "bilevel" ? options_.inner_steps : 1;
    o.outer_steps =
        options_.steps > 0 ? options_.steps : std::numeric_limits<std::uint32_t>::max() / o.inner_steps;
    o.penalty = options_.penalty;
    o.upper_with_lower = options_.upper_with_lower;
    o.seed = options_.seed;
    if (options_.method == "mezo") return o.mezo();
    if (options_.method == "lora") return o.adapter_alone();
    return o;
  }

  template <class Law, class Estimator>
  void train(Law law, Estimator estimator, MethodResult& result) {
    using inner::Adam;
    using outer::Sgd;
    using Problem = BasicLanguageProblem<Backend>;
    Problem problem(transformer_, {split_.upper, split_.lower, options_.batch, !mezo()});
    Solver<Problem, Law, Estimator, Sgd, Adam> solver(
        problem, law, estimator, Sgd{{.rate = options_.theta_rate}}, Adam{{.rate = options_.lower_rate}},
        Adam{{.rate = options_.upper_rate}}, solver_options());
    if (options_.curve_points > 0) curve_point(0.0, 0.0, score_now(curve_rows()), false);
    Clock::time_point start = Clock::now();
    double before = 0.0;
    solver.run(theta_, p_, s_, [&](const StepReport& report) {
      const double now = std::chrono::duration<double>(Clock::now() - start).count();
      result = {result.method, {}, report.step + 1, now, problem.work().passes, 0.0, {}, false};
      record(report, result, problem.work());
      progress_.step(report, position(result, problem.work()));
      stopped_ = interrupted_();
      const bool go_on = !stopped_ && fits(now, now - before);
      before = now;
      const Clock::time_point pause = Clock::now();  // the picture's points cost no training time
      if (go_on && point_is_due(result)) curve_point(now, result.passes, score_now(curve_rows()), false);
      start += Clock::now() - pause;
      return go_on;
    });
  }

  /// True if one more step like the last one ends within the budget: no method gets more time than it was
  /// given.
  [[nodiscard]] bool fits(double now, double last) const {
    return options_.seconds == 0.0 || now + last <= options_.seconds;
  }
  [[nodiscard]] double share_done(const MethodResult& result) const {
    const double of_time = options_.seconds > 0.0 ? result.seconds / options_.seconds : 0.0;
    const double of_steps = options_.steps > 0 ? static_cast<double>(result.steps) / options_.steps : 0.0;
    return std::max(of_time, of_steps);
  }
  [[nodiscard]] Position position(const MethodResult& result, const Work& work) const {
    const double share = share_done(result);
    const double left = share > 0.0 ? result.seconds * (1.0 - share) / share : 0.0;
    return {result.seconds, left, static_cast<double>(work.tokens) / std::max(result.seconds, 1e-9)};
  }
  [[nodiscard]] bool point_is_due(const MethodResult& result) {
    if (options_.curve_points == 0) return false;
    const auto point = static_cast<std::uint32_t>(share_done(result) * options_.curve_points);
    if (point <= points_ || point >= options_.curve_points)
      return false;  // the last point is the final score
    points_ = point;
    return true;
  }

  void record(const StepReport& report, const MethodResult& result, const Work& work) {
    for (const ZoTerm& term : report.gradient.terms) {
      const double applied = -options_.theta_rate * term.coefficient;
      if (applied != 0.0) trajectory_.line(to_line({term.direction, applied}));
    }
    metrics_.line(nlohmann::json{{"event", "step"},
                                 {"step", report.step},
                                 {"seconds", result.seconds},
                                 {"passes", work.passes},
                                 {"tokens", work.tokens},
                                 {"upper", report.upper},
                                 {"lower_p", report.lower_p},
                                 {"lower_s", report.lower_s},
                                 {"rho", report.projected_gradient},
                                 {"inner_s", report.inner_value_s},
                                 {"inner_p", report.inner_value_p}}
                      .dump());
  }
  void curve_point(double seconds, double passes, const Scores& scores, bool final) {
    last_point_ = scores;
    metrics_.line(nlohmann::json{
        {"event", final ? "final" : "curve"},
        {"seconds", seconds},
        {"passes", passes},
        {"accuracy", scores.accuracy},
        {"macro_f1", scores.macro_f1},
        {"loss", scores.loss},
        {"rows",
         scores.rows}}.dump());
  }

  [[nodiscard]] RowExtent row_extent() const {
    RowExtent extent;
    for (const std::vector<EncodedRow>* rows : {&split_.upper, &split_.lower, &split_.decision, &held_out_})
      extent.cover(*rows);
    return extent;
  }
  [[nodiscard]] PassRows pass_rows() const {
    const std::size_t f = std::min<std::size_t>(options_.batch, split_.upper.size());
    const std::size_t g = std::min<std::size_t>(options_.batch, split_.lower.size());
    if (mezo()) return {f, 0};
    if (options_.method == "lora") return {0, g};
    return {f + 2 * g, f + g};
  }
  [[nodiscard]] bool mezo() const { return options_.method == "mezo"; }
  [[nodiscard]] std::span<const EncodedRow> curve_rows() const {
    return std::span(held_out_).first(std::min<std::size_t>(held_out_.size(), options_.curve_rows));
  }
  Scores score(const Vector* adapter, std::span<const EncodedRow> rows) {
    return evaluate(transformer_, theta_, adapter, rows);
  }
  Scores score_now(std::span<const EncodedRow> rows) {
    if (mezo()) return score(nullptr, rows);
    return score(options_.method == "lora" ? &s_ : &p_, rows);
  }

  /// (θ, p) or (θ, s), whichever has the lower loss on the rows of D_f that no step saw.
  Served decide() {
    Served served;
    served.direction = options_.direction;
    served.lora_rank = options_.lora_rank;
    served.lora_alpha = options_.lora_alpha;
    served.lora_targets = options_.lora_targets;
    if (mezo()) {
      served.what = "backbone";
      return served;
    }
    bool upper = false;
    if (options_.method == "bilevel") {
      served.upper_loss = score(&p_, split_.decision).loss;
      served.lower_loss = score(&s_, split_.decision).loss;
      served.decision_rows = split_.decision.size();
      upper = served.upper_loss <= served.lower_loss;
    }
    served.what = upper ? "upper" : "lower";
    served.adapter = device_.host(upper ? p_ : s_);
    return served;
  }

  // The memory of the whole run is planned before any of it is taken.
  typename Backend::Theta& place(model::Parameters& theta) {
    device_.expect(theta.config(), lora_, row_extent(), pass_rows(), options_.recompute);
    return device_.place(theta);
  }
  const Vector* served_vector(const Served& served) const {
    if (served.what == "backbone") return nullptr;
    return served.what == "upper" ? &p_ : &s_;
  }

  Device& device_;
  const Options& options_;
  const RunFolder& folder_;
  Progress& progress_;
  std::function<bool()> interrupted_;
  peft::Lora lora_;
  Split split_;
  std::vector<EncodedRow> held_out_;
  typename Backend::Theta& theta_;
  model::BasicTransformer<Backend> transformer_;
  Vector p_;
  Vector s_;
  AppendFile metrics_;
  AppendFile trajectory_;
  std::optional<Scores> last_point_;
  std::uint32_t points_ = 0;
  bool stopped_ = false;
};

}  // namespace zofo::tune
