#include "zofo/train/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "zofo/run/task_scores.hpp"

namespace zofo::llm {

namespace {

// The figures of the scores, those of a single task or means over several; the task's own kind of score comes
// before the loss.
std::vector<std::string> figures_of(std::span<const Scores> tasks) {
  std::vector<std::string> figures;
  const auto add = [&figures](const char* name, double value) {
    if (!std::isnan(value)) figures.push_back(fmt::format("{} {:.3f}", name, value));
  };
  if (tasks.size() > 1) {
    add("balanced accuracy", mean_balanced_accuracy(tasks));
  } else {
    add("accuracy", tasks.front().accuracy);
    if (tasks.front().answers) add("F1", tasks.front().answers->f1);
  }
  add("loss", mean_loss(tasks));
  if (tasks.size() == 1) add("perplexity", tasks.front().perplexity());
  return figures;
}

}  // namespace

Progress::Progress(std::string title, std::FILE* out, ProgressInterval every)
    : title_(std::move(title)), out_(out), live_(out != nullptr && isatty(fileno(out)) != 0), every_(every) {}

void Progress::step(const StepReport& report, const Position& now) {
  if (out_ == nullptr) return;
  const bool due = is_due(report, now);
  if (!live_ && !due) return;
  // A plain line of a terminal stays, and the live line is printed below it.
  const bool stays = !live_ || (due && every_.steps > 0);
  fmt::print(out_, "{}{}{}", live_ ? "\r\x1b[K" : "", text(report, now), stays ? "\n" : "");
  std::fflush(out_);
  open_ = !stays;
}

// True if the step has a plain line.
bool Progress::is_due(const StepReport& report, const Position& now) {
  if (every_.steps > 0) return (std::uint64_t{report.step} + 1) % every_.steps == 0;
  if (now.seconds < next_) return false;
  next_ = now.seconds + every_.seconds;
  return true;
}

void Progress::scored(std::uint32_t steps, std::span<const Scores> tasks, double seconds) {
  const std::vector<std::string> figures = figures_of(tasks);
  std::size_t examples = 0;
  for (const Scores& each : tasks) examples += each.examples;
  held_out_ = figures.empty() ? "" : figures.front();
  note(fmt::format("step {}: held-out {} on {} examples, scored in {:.1f} s", steps, fmt::join(figures, ", "),
                   examples, seconds));
}

void Progress::note(const std::string& message) {
  if (out_ == nullptr) return;
  fmt::print(out_, "{}{}: {}\n", open_ ? "\r\x1b[K" : "", title_, message);
  std::fflush(out_);
  open_ = false;
}

std::string Progress::text(const StepReport& report, const Position& now) const {
  std::string line = fmt::format("{}  step {}", title_, report.step + 1);
  const auto append = [&line](const char* name, double value) {
    if (!std::isnan(value)) line += fmt::format("  {} {:.3f}", name, value);
  };
  append("F(p)", report.upper);
  append("G(p)", report.lower_p);
  append("G(s)", std::isnan(report.lower_s) ? report.inner_value_s : report.lower_s);
  append("|rho|", report.projected_gradient);
  if (!held_out_.empty()) line += "  held-out " + held_out_;
  const auto left = static_cast<std::uint64_t>(std::max(0.0, now.left));
  return line + fmt::format("  {:.0f} tokens/s  {}:{:02d} left", now.tokens_per_second, left / 60, left % 60);
}

}  // namespace zofo::llm
