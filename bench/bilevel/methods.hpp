/// @file The compared methods, built from the library's policies, with counted evaluations.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "bilevel/instance.hpp"
#include "bilevel/recorder.hpp"

namespace zofo::bench {

/// Cost of an evaluation in values: a gradient, and a product with second derivatives (two gradients).
inline constexpr double kGradient = 2, kSecondOrder = 4;

/// A method's name and description.
struct MethodInfo {
  std::string_view name, what;
};
inline constexpr std::array kMethods{
    MethodInfo{
        "bilevel",
        "Bilevel-ZOFO: first-order inner steps on s and p, zeroth-order steps on θ by the penalty L_λ, "
        "Rademacher directions"},
    MethodInfo{"bilevel_orthogonal", "the same with orthogonal directions, up to 16 per step"},
    MethodInfo{"bilevel_svrg",
               "bilevel with SVRG over the directions: every 10 steps an anchor with up to 16 orthogonal "
               "directions"},
    MethodInfo{
        "nested",
        "zeroth-order steps on φ: every probe of θ does 4T counted inner steps on s, starting from the s of "
        "the last step"},
    MethodInfo{"mezo", "single level: zeroth-order steps on F(θ, p_0), with p fixed at its start"},
    MethodInfo{"joint", "single level: zeroth-order steps on θ and p together, on F + λG"},
    MethodInfo{"penalty_first_order", "bilevel with the gradient of L_λ in θ instead of its estimate (F2SA)"},
    MethodInfo{"implicit",
               "T inner steps on s, then ∇φ by implicit differentiation with 5 steps of conjugate gradients"},
    MethodInfo{"exact", "gradient descent on φ; the exact ∇φ counts as one gradient"}};

/// A run: an instance, a method's step size and the seed of its directions.
struct Run {
  const Instance& instance;
  const CaseSettings& settings;
  double rate;
  std::uint64_t seed;
};

/// Runs `method` until the budget is used up; returns the last θ. A run that diverges (Error: a loss or a
/// gradient is not finite) counts as never reaching the target.
Vector run_method(std::string_view method, const Run& run, Recorder& recorder);

}  // namespace zofo::bench
