/// @file What a person sees of a run: a live line on a terminal, plain lines elsewhere.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "zofo/core/report.hpp"
#include "zofo/run/counters.hpp"

namespace zofo::llm {

/// Prints to a stream; silent if it is null.
class Progress {
 public:
  /// `every`: seconds between plain lines.
  explicit Progress(std::string title, std::FILE* out = stderr, double every = 15.0)
      : title_(std::move(title)),
        out_(out),
        live_(out != nullptr && isatty(fileno(out)) != 0),
        every_(every) {}

  /// Shows a step.
  void step(const StepReport& report, const Position& now) {
    if (out_ == nullptr) return;
    if (!live_ && now.seconds < next_) return;
    next_ = now.seconds + every_;
    const std::string line = text(report, now);
    fmt::print(out_, "{}{}{}", live_ ? "\r\x1b[K" : "", line, live_ ? "" : "\n");
    std::fflush(out_);
    open_ = live_;
  }
  /// Shows a message on a line of its own.
  void note(const std::string& message) {
    if (out_ == nullptr) return;
    fmt::print(out_, "{}{}: {}\n", open_ ? "\r\x1b[K" : "", title_, message);
    std::fflush(out_);
    open_ = false;
  }

 private:
  static void append(std::string& line, const char* name, double value) {
    if (!std::isnan(value)) line += fmt::format("  {} {:.3f}", name, value);
  }
  [[nodiscard]] std::string text(const StepReport& report, const Position& now) const {
    std::string line = fmt::format("{}  step {}", title_, report.step + 1);
    append(line, "F(p)", report.upper);
    append(line, "G(p)", report.lower_p);
    append(line, "G(s)", std::isnan(report.lower_s) ? report.inner_value_s : report.lower_s);
    append(line, "|rho|", report.projected_gradient);
    const auto left = static_cast<std::uint64_t>(std::max(0.0, now.left));
    return line +
           fmt::format("  {:.0f} tokens/s  {}:{:02d} left", now.tokens_per_second, left / 60, left % 60);
  }

  std::string title_;
  std::FILE* out_;
  bool live_;
  bool open_ = false;
  double every_;
  double next_ = 0.0;
};

}  // namespace zofo::llm
