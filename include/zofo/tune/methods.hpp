/// @file The methods that a run can train by: each a set of options, named after its paper.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "zofo/core/error.hpp"
#include "zofo/tune/option_fields.hpp"

namespace zofo::tune {

/// What a method steps: both levels, an adapter by its gradient, the backbone alone, or an adapter alone by
/// zeroth-order estimates.
enum class Trains { both_levels, adapter, backbone, adapter_by_estimates };

/// A method, and what it changes in the default options.
struct Method {
  std::string_view name, title, summary, paper;
  Trains trains;
  void (*preset)(Options&);
};

inline constexpr std::array<Method, 9> methods{{
    {"bilevel", "Bilevel-ZOFO", "adapters by gradients inside, the backbone by zeroth-order steps outside",
     "Shirkavand et al. 2025, Bilevel-ZOFO", Trains::both_levels, [](Options&) {}},
    {"lora", "LoRA alone", "one adapter by its gradient, the backbone frozen",
     "Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models", Trains::adapter, [](Options&) {}},
    {"mezo", "MeZO", "the backbone by two-sided Gaussian estimates",
     "Malladi et al. 2023, Fine-Tuning Language Models with Just Forward Passes", Trains::backbone,
     [](Options&) {}},
    {"mezo-lora", "MeZO on LoRA", "one adapter by two-sided Gaussian estimates, the backbone frozen",
     "Malladi et al. 2023, section 3 (MeZO with PEFT)", Trains::adapter_by_estimates,
     [](Options& o) {
       o.epsilon = 1e-2;
       o.theta_rate = 1e-4;
     }},
    {"mezo-adam", "MeZO-Adam",
     "MeZO with Adam's moments of the estimates: two more vectors of the backbone's size",
     "Malladi et al. 2023, section 2.2 (MeZO-Adam)", Trains::backbone,
     [](Options& o) {
       o.outer = "adam";
       o.theta_rate = 1e-5;
     }},
    {"lozo", "LOZO", "the backbone along low-rank directions, each subspace kept for 50 steps",
     "Chen et al. 2024, Enhancing Zeroth-Order Fine-Tuning for Language Models with Low-Rank Structures",
     Trains::backbone,
     [](Options& o) {
       o.direction = "low-rank";
       o.direction_rank = 2;
       o.direction_hold = 50;
     }},
    {"sparse", "Sparse MeZO", "the quarter of the weights that is smallest in magnitude",
     "Liu et al. 2024, Sparse MeZO: Less Parameters for Better Performance in Zeroth-Order LLM Fine-Tuning",
     Trains::backbone,
     [](Options& o) {
       o.direction = "sparse";
       o.density = 0.25;
     }},
    {"mezo-svrg", "MeZO-SVRG", "MeZO with estimates corrected at an anchor by large batches",
     "Gautam et al. 2024, Variance-Reduced Zeroth-Order Methods for Fine-Tuning Language Models",
     Trains::backbone, [](Options& o) { o.reduction = "svrg"; }},
    {"fzoo", "FZOO", "one-sided random-sign queries scaled by the spread of their losses",
     "Dang et al. 2025, FZOO: Fast Zeroth-Order Optimizer", Trains::backbone,
     [](Options& o) {
       o.direction = "rademacher";
       o.one_sided = true;
       o.spread_scaled = true;
       o.queries = 8;
       o.theta_rate = 1e-5;
     }},
}};

/// The method of that name. Throws Error naming those that there are.
inline const Method& method_named(std::string_view name) {
  std::string list;
  for (const Method& method : methods) {
    if (method.name == name) return method;
    list.append(list.empty() ? "" : ", ").append(method.name);
  }
  fail("method = \"{}\": must be one of {}", name, list);
}

/// The default options of a method. Throws Error if there is none of that name.
inline Options preset(std::string_view name) {
  Options options;
  method_named(name).preset(options);
  options.method = name;
  return options;
}

}  // namespace zofo::tune
