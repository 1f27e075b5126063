/// @file The methods that are compared, each of the library's own policies, each counted.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "bilevel/instance.hpp"
#include "bilevel/recorder.hpp"

namespace zofo::bench {

/// Cost of an evaluation in values: a gradient, and a product with second derivatives (two gradients).
inline constexpr double kGradient = 2, kSecondOrder = 4;

/// What a method is and what it may use.
struct MethodInfo {
  std::string_view name, what;
};
inline constexpr std::array kMethods{
    MethodInfo{"bilevel",
               "ours: first-order inner steps on s and p, zeroth-order steps on θ by the penalty L_λ, "
               "Rademacher directions"},
    MethodInfo{"bilevel_orthogonal", "the same with orthogonal directions, up to 16 a step"},
    MethodInfo{
        "bilevel_svrg",
        "the same with SVRG over the directions: every 10 steps an anchor with up to 16 orthogonal ones"},
    MethodInfo{
        "nested",
        "zeroth-order steps on φ itself: every probe of θ takes 4T inner steps on s from the last step's s "
        "and costs them"},
    MethodInfo{"mezo", "single level: zeroth-order steps on F(θ, p_0), p fixed at its start"},
    MethodInfo{"joint", "single level: zeroth-order steps on θ and p together by F + λG"},
    MethodInfo{"penalty_first_order", "ours with the gradient of L_λ in θ instead of its estimate (F2SA)"},
    MethodInfo{"implicit",
               "T inner steps on s, then ∇φ by implicit differentiation with 5 steps of conjugate gradients"},
    MethodInfo{"exact", "gradient descent on φ with the exact ∇φ handed over for the price of one gradient"}};

/// A run: an instance, a method's step size and the seed of its directions.
struct Run {
  const Instance& instance;
  const CaseSettings& settings;
  double rate;
  std::uint64_t seed;
};

/// Runs `method` to the end of the budget; returns the θ it ended at. A run that blows up (Error: a loss or a
/// gradient is not finite) ends as one that never reaches the target.
Vector run_method(std::string_view method, const Run& run, Recorder& recorder);

}  // namespace zofo::bench
