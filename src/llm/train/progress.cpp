#include "zofo/train/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace zofo::llm {

Progress::Progress(std::string title, std::FILE* out, double every)
    : title_(std::move(title)), out_(out), live_(out != nullptr && isatty(fileno(out)) != 0), every_(every) {}

void Progress::step(const StepReport& report, const Position& now) {
  if (out_ == nullptr) return;
  if (!live_ && now.seconds < next_) return;
  next_ = now.seconds + every_;
  const std::string line = text(report, now);
  fmt::print(out_, "{}{}{}", live_ ? "\r\x1b[K" : "", line, live_ ? "" : "\n");
  std::fflush(out_);
  open_ = live_;
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
  const auto left = static_cast<std::uint64_t>(std::max(0.0, now.left));
  return line + fmt::format("  {:.0f} tokens/s  {}:{:02d} left", now.tokens_per_second, left / 60, left % 60);
}

}  // namespace zofo::llm
