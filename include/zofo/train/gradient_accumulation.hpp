/// @file Gradient accumulation: a mini-batch worked off in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "zofo/bilevel/joint_tasks.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/problem.hpp"
#include "zofo/core/batch_key.hpp"

namespace zofo::llm {

/// A problem whose batches are `pieces` of another's: values and gradients are means over the pieces' ones.
/// Batch k is that problem's batches pieces·k, …, pieces·k + pieces − 1, which are the rows of one batch that
/// many times as large (sample_batch), so that only the rounding differs from it. The law, chosen at run time,
/// reaches the problem as `law.on(θ, …)` gives it.
template <class Problem>
class Accumulated {
 public:
  using Theta = typename Problem::Theta;
  using Adapter = typename Problem::Adapter;

  /// Throws Error unless there is a piece.
  Accumulated(Problem problem, std::uint32_t pieces) : problem_(std::move(problem)), pieces_(pieces) {
    require(pieces >= 1, "accumulate = 0: must be at least 1");
  }
  [[nodiscard]] const Problem& problem() const { return problem_; }

  double upper(const Theta& theta, const Adapter& p, BatchKey sample) const {
    return mean([&](std::uint32_t i) { return problem_.upper(theta, p, piece(sample, i)); });
  }
  double lower(const Theta& theta, const Adapter& p, BatchKey sample) const {
    return mean([&](std::uint32_t i) { return problem_.lower(theta, p, piece(sample, i)); });
  }
  double upper_gradient(const Theta& theta, const Adapter& p, BatchKey sample, Adapter& gradient) const {
    return mean_gradient(gradient, [&](std::uint32_t i, Adapter& g) {
      return problem_.upper_gradient(theta, p, piece(sample, i), g);
    });
  }
  double lower_gradient(const Theta& theta, const Adapter& p, BatchKey sample, Adapter& gradient) const {
    return mean_gradient(gradient, [&](std::uint32_t i, Adapter& g) {
      return problem_.lower_gradient(theta, p, piece(sample, i), g);
    });
  }
  double penalty_gradient(const Theta& theta, const Adapter& p, double lambda, BatchKey upper, BatchKey lower,
                          Adapter& gradient) const {
    return mean_gradient(gradient, [&](std::uint32_t i, Adapter& g) {
      return problem_.penalty_gradient(theta, p, lambda, piece(upper, i), piece(lower, i), g);
    });
  }
  /// Of problems of as many pieces.
  static void joint_gradients(const Theta& theta, std::span<JointGradient<Accumulated>> wanted) requires
      HasJointGradients<Problem> {
    if (wanted.empty()) return;
    const std::uint32_t pieces = wanted.front().task->pieces_;
    std::vector<Adapter> more;  // gradients of the pieces after the first
    if (pieces > 1)
      for (const auto& one : wanted) more.push_back(zeros_like(*one.x));
    for (std::uint32_t i = 0; i < pieces; ++i) {
      std::vector<JointGradient<Problem>> parts;
      for (std::size_t k = 0; k < wanted.size(); ++k) {
        const auto& one = wanted[k];
        parts.push_back({&one.task->problem_,
                         one.x,
                         one.upper_weight,
                         one.lower_weight,
                         {one.task->piece(one.samples.upper, i), one.task->piece(one.samples.lower, i)},
                         i == 0 ? one.gradient : &more[k]});
      }
      Problem::joint_gradients(theta, std::span(parts));
      for (std::size_t k = 0; k < wanted.size(); ++k) {
        wanted[k].value = (i == 0 ? 0.0 : wanted[k].value) + parts[k].value / pieces;
        if (pieces == 1) continue;
        if (i == 0)
          scale(1.0 / pieces, *wanted[k].gradient);
        else
          axpy(1.0 / pieces, more[k], *wanted[k].gradient);
      }
    }
  }
  template <class Law>
  std::vector<PenaltyTerms> penalty_terms(const Theta& theta, const Law& any, std::span<const Probe> probes,
                                          const Adapter& p, const Adapter& s, BatchKey upper, BatchKey lower) const {
    std::vector<PenaltyTerms> sum(probes.size());
    for (std::uint32_t i = 0; i < pieces_; ++i) {
      const std::vector<PenaltyTerms> terms = any.on(theta, [&](const auto& law) {
        return problem_.penalty_terms(theta, law, probes, p, s, piece(upper, i), piece(lower, i));
      });
      for (std::size_t k = 0; k < sum.size(); ++k) {
        sum[k].upper += terms[k].upper / pieces_;
        sum[k].lower_p += terms[k].lower_p / pieces_;
        sum[k].lower_s += terms[k].lower_s / pieces_;
      }
    }
    return sum;
  }
  template <class Law>
  std::vector<double> upper_values(const Theta& theta, const Law& any, std::span<const Probe> probes,
                                   const Adapter& p, BatchKey upper) const {
    std::vector<double> sum(probes.size(), 0.0);
    for (std::uint32_t i = 0; i < pieces_; ++i) {
      const std::vector<double> values = any.on(theta, [&](const auto& law) {
        return problem_.upper_values(theta, law, probes, p, piece(upper, i));
      });
      for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += values[k] / pieces_;
    }
    return sum;
  }

 private:
  // Batches are numbered in 32 bits; past them they would repeat.
  [[nodiscard]] BatchKey piece(BatchKey sample, std::uint32_t i) const {
    const std::uint64_t step = std::uint64_t{sample.step} * pieces_ + i;
    require(step <= std::numeric_limits<std::uint32_t>::max(), "batch {} of {} pieces each: too many batches",
            sample.step, pieces_);
    return {sample.seed, static_cast<std::uint32_t>(step), sample.stream};
  }
  template <class Value>
  double mean(const Value& value) const {
    double sum = 0.0;
    for (std::uint32_t i = 0; i < pieces_; ++i) sum += value(i) / pieces_;
    return sum;
  }
  template <class Gradient>
  double mean_gradient(Adapter& gradient, const Gradient& at) const {
    if (pieces_ == 1) return at(0, gradient);
    double sum = at(0, gradient) / pieces_;
    scale(1.0 / pieces_, gradient);
    for (std::uint32_t i = 1; i < pieces_; ++i) {
      if (!piece_) piece_ = zeros_like(gradient);
      sum += at(i, *piece_) / pieces_;
      axpy(1.0 / pieces_, *piece_, gradient);
    }
    return sum;
  }

  Problem problem_;
  std::uint32_t pieces_;
  mutable std::optional<Adapter> piece_;  // memory of a piece's gradient
};

}  // namespace zofo::llm
