/// @file The methods that a run can train by: each a set of options, named after its paper.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "zofo/core/error.hpp"
#include "zofo/config/option_fields.hpp"

namespace zofo::llm {

/// What a method steps: both levels, an adapter by its gradient, the backbone alone, or an adapter alone by
/// zeroth-order estimates.
enum class Trains { both_levels, adapter, backbone, adapter_by_estimates };

/// A method, and what it changes in the default options. Methods of one family differ in their adapter.
struct Method {
  std::string_view name, family, adapter;  ///< the adapter's kind; "none": the backbone alone
  std::string_view title, summary, paper;
  Trains trains;
  void (*preset)(Options&);
};

namespace detail {

inline constexpr std::string_view bilevel_paper =
    "Shirkavand et al. 2025, Bilevel ZOFO: Efficient LLM Fine-Tuning and Meta-Training";
inline constexpr std::string_view mezo_paper =
    "Malladi et al. 2023, Fine-Tuning Language Models with Just Forward Passes";
inline constexpr std::string_view mezo_adapter_paper =
    "Malladi et al. 2023, Fine-Tuning Language Models with Just Forward Passes, section 3 (MeZO with PEFT)";

inline void few_tokens(Options& o) { o.virtual_tokens = 5; }
inline void many_tokens(Options& o) { o.virtual_tokens = 20; }
inline void estimated_adapter(Options& o) {
  o.epsilon = 1e-2;
  o.theta_rate = 1e-4;
}

}  // namespace detail

inline constexpr std::array<Method, 15> methods{{
    {"bilevel", "bilevel", "lora", "Bilevel-ZOFO",
     "LoRA adapters by gradients inside, the backbone by zeroth-order steps outside", detail::bilevel_paper,
     Trains::both_levels, [](Options&) {}},
    {"bilevel-prefix", "bilevel", "prefix", "Bilevel-ZOFO (prefix)", "the same with prefixes",
     detail::bilevel_paper, Trains::both_levels, detail::few_tokens},
    {"bilevel-prompt", "bilevel", "prompt", "Bilevel-ZOFO (prompt)", "the same with prompts",
     detail::bilevel_paper, Trains::both_levels, detail::many_tokens},
    {"lora", "first-order", "lora", "LoRA alone", "one adapter by its gradient, the backbone frozen",
     "Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models", Trains::adapter, [](Options&) {}},
    {"prefix", "first-order", "prefix", "Prefix alone", "one prefix by its gradient, the backbone frozen",
     "Li & Liang 2021, Prefix-Tuning: Optimizing Continuous Prompts for Generation", Trains::adapter,
     detail::few_tokens},
    {"prompt", "first-order", "prompt", "Prompt alone", "one prompt by its gradient, the backbone frozen",
     "Lester et al. 2021, The Power of Scale for Parameter-Efficient Prompt Tuning", Trains::adapter,
     detail::many_tokens},
    {"mezo", "mezo", "none", "MeZO", "the backbone by two-sided Gaussian estimates", detail::mezo_paper,
     Trains::backbone, [](Options&) {}},
    {"mezo-lora", "mezo", "lora", "MeZO on LoRA",
     "one adapter by two-sided Gaussian estimates, the backbone frozen", detail::mezo_adapter_paper,
     Trains::adapter_by_estimates, detail::estimated_adapter},
    {"mezo-prefix", "mezo", "prefix", "MeZO on a prefix", "the same on a prefix", detail::mezo_adapter_paper,
     Trains::adapter_by_estimates,
     [](Options& o) {
       detail::estimated_adapter(o);
       detail::few_tokens(o);
     }},
    {"mezo-prompt", "mezo", "prompt", "MeZO on a prompt", "the same on a prompt", detail::mezo_adapter_paper,
     Trains::adapter_by_estimates,
     [](Options& o) {
       detail::estimated_adapter(o);
       detail::many_tokens(o);
     }},
    {"mezo-adam", "mezo-adam", "none", "MeZO-Adam",
     "MeZO with Adam's moments of the estimates: two more vectors of the backbone's size",
     "Malladi et al. 2023, Fine-Tuning Language Models with Just Forward Passes, section 2.2 (MeZO-Adam)",
     Trains::backbone,
     [](Options& o) {
       o.outer = "adam";
       o.theta_rate = 1e-5;
     }},
    {"lozo", "lozo", "none", "LOZO",
     "the backbone along low-rank directions, each subspace kept for 50 steps",
     "Chen et al. 2024, Enhancing Zeroth-Order Fine-Tuning for Language Models with Low-Rank Structures",
     Trains::backbone,
     [](Options& o) {
       o.direction = "low-rank";
       o.direction_rank = 2;
       o.direction_hold = 50;
     }},
    {"sparse", "sparse", "none", "Sparse MeZO", "the quarter of the weights that is smallest in magnitude",
     "Liu et al. 2024, Sparse MeZO: Less Parameters for Better Performance in Zeroth-Order LLM Fine-Tuning",
     Trains::backbone,
     [](Options& o) {
       o.direction = "sparse";
       o.density = 0.25;
     }},
    {"mezo-svrg", "mezo-svrg", "none", "MeZO-SVRG",
     "MeZO with estimates corrected at an anchor by large batches",
     "Gautam et al. 2024, Variance-Reduced Zeroth-Order Methods for Fine-Tuning Language Models",
     Trains::backbone, [](Options& o) { o.reduction = "svrg"; }},
    {"fzoo", "fzoo", "none", "FZOO", "one-sided random-sign queries scaled by the spread of their losses",
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

/// The method of the same family with that adapter. Throws Error naming the adapters that the family has.
inline const Method& sibling(std::string_view name, std::string_view adapter) {
  const Method& method = method_named(name);
  std::string list;
  for (const Method& each : methods) {
    if (each.family != method.family) continue;
    if (each.adapter == adapter) return each;
    list.append(list.empty() ? "" : ", ").append(each.adapter);
  }
  fail("adapter = \"{}\": method {} is there with {}", adapter, name, list);
}

/// The default options of a method. Throws Error if there is none of that name.
inline Options preset(std::string_view name) {
  const Method& method = method_named(name);
  Options options;
  options.method = name;
  options.adapter = method.adapter;
  method.preset(options);
  return options;
}

}  // namespace zofo::llm
