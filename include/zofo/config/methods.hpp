/// @file The training methods: what each trains, and its paper.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "zofo/config/option_enums.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

/// What a method trains: both levels (p and s by their gradients), an adapter by its gradient, the backbone
/// only, an adapter by zeroth-order estimates, or nothing.
enum class Trains : std::uint8_t { both_levels, adapter, backbone, adapter_by_estimates, nothing };

/// Differences between methods that train the same parameters.
struct MethodTraits {
  bool backbone_fixed = false;  ///< trains both levels, but θ is frozen
  bool random_sign = false;     ///< the sign of each estimate is random
  bool joint = false;           ///< all tasks share one pair of adapters; the option `adapters` has no effect
  bool any_adapter = false;     ///< supports any kind of adapter; the only method of its family
};

/// A training method. Methods of one family differ in their adapter.
struct MethodInfo {
  Method method;             ///< the enum value
  std::string_view family;   ///< methods that differ only in their adapter
  AdapterKind adapter;       ///< what it trains, or the default where any_adapter is set
  Trains trains;             ///< which parameters, and by which gradients
  std::string_view title;    ///< the name in tables and help
  std::string_view summary;  ///< one line of help
  std::string_view paper;    ///< citation
  MethodTraits traits = {};  ///< differences from methods that train the same

  /// The name in options and files.
  [[nodiscard]] constexpr std::string_view name() const { return to_text(method); }
};

namespace detail {

inline constexpr std::string_view bilevel_paper =
    "Shirkavand et al. 2025, Bilevel ZOFO: Efficient LLM Fine-Tuning and Meta-Training";
inline constexpr std::string_view mezo_paper =
    "Malladi et al. 2023, Fine-Tuning Language Models with Just Forward Passes";
inline constexpr std::string_view mezo_adapter_paper =
    "Malladi et al. 2023, Fine-Tuning Language Models with Just Forward Passes, section 3 (MeZO with PEFT)";

}  // namespace detail

/// All methods, in the order of their enum.
inline constexpr std::array<MethodInfo, 20> methods{{
    {Method::bilevel, "bilevel", AdapterKind::lora, Trains::both_levels, "Bilevel-ZOFO",
     "LoRA adapters by gradients in the inner loop, the backbone by zeroth-order updates in the outer loop",
     detail::bilevel_paper},
    {Method::bilevel_prefix, "bilevel", AdapterKind::prefix, Trains::both_levels, "Bilevel-ZOFO (prefix)",
     "the same with prefix adapters", detail::bilevel_paper},
    {Method::bilevel_prompt, "bilevel", AdapterKind::prompt, Trains::both_levels, "Bilevel-ZOFO (prompt)",
     "the same with prompt adapters", detail::bilevel_paper},
    {Method::lora, "first-order", AdapterKind::lora, Trains::adapter, "LoRA",
     "one adapter by its gradient, the backbone frozen",
     "Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models"},
    {Method::prefix, "first-order", AdapterKind::prefix, Trains::adapter, "Prefix tuning",
     "one prefix by its gradient, the backbone frozen",
     "Li & Liang 2021, Prefix-Tuning: Optimizing Continuous Prompts for Generation"},
    {Method::prompt, "first-order", AdapterKind::prompt, Trains::adapter, "Prompt tuning",
     "one prompt by its gradient, the backbone frozen",
     "Lester et al. 2021, The Power of Scale for Parameter-Efficient Prompt Tuning"},
    {Method::mezo, "mezo", AdapterKind::none, Trains::backbone, "MeZO",
     "the backbone by two-sided Gaussian estimates", detail::mezo_paper},
    {Method::mezo_lora, "mezo", AdapterKind::lora, Trains::adapter_by_estimates, "MeZO on LoRA",
     "one adapter by two-sided Gaussian estimates, the backbone frozen", detail::mezo_adapter_paper},
    {Method::mezo_prefix, "mezo", AdapterKind::prefix, Trains::adapter_by_estimates, "MeZO on a prefix",
     "the same on a prefix", detail::mezo_adapter_paper},
    {Method::mezo_prompt, "mezo", AdapterKind::prompt, Trains::adapter_by_estimates, "MeZO on a prompt",
     "the same on a prompt", detail::mezo_adapter_paper},
    {Method::mezo_adam, "mezo-adam", AdapterKind::none, Trains::backbone, "MeZO-Adam",
     "MeZO with Adam's moments of the estimates: two more vectors of the backbone's size",
     "Malladi et al. 2023, Fine-Tuning Language Models with Just Forward Passes, section 2.2 (MeZO-Adam)"},
    {Method::lozo, "lozo", AdapterKind::none, Trains::backbone, "LOZO",
     "the backbone along low-rank directions, whose subspace changes every 50 steps",
     "Chen et al. 2024, Enhancing Zeroth-Order Fine-Tuning for Language Models with Low-Rank Structures"},
    {Method::sparse, "sparse", AdapterKind::none, Trains::backbone, "Sparse MeZO",
     "the quarter of the weights that is smallest in magnitude",
     "Liu et al. 2024, Sparse MeZO: Less Parameters for Better Performance in Zeroth-Order LLM Fine-Tuning"},
    {Method::mezo_svrg, "mezo-svrg", AdapterKind::none, Trains::backbone, "MeZO-SVRG",
     "MeZO with estimates corrected at an anchor by large batches",
     "Gautam et al. 2024, Variance-Reduced Zeroth-Order Methods for Fine-Tuning Language Models"},
    {Method::fzoo, "fzoo", AdapterKind::none, Trains::backbone, "FZOO",
     "one-sided Rademacher directions, estimates divided by the standard deviation of their losses",
     "Dang et al. 2025, FZOO: Fast Zeroth-Order Optimizer"},
    {Method::frozen,
     "frozen",
     AdapterKind::lora,
     Trains::both_levels,
     "Frozen backbone",
     "a baseline of bilevel: the same adapters and steps, the backbone frozen",
     detail::bilevel_paper,
     {.backbone_fixed = true, .any_adapter = true}},
    {Method::random_sign,
     "random-sign",
     AdapterKind::lora,
     Trains::both_levels,
     "Random signs",
     "a baseline of bilevel: the same updates of the backbone with random signs",
     detail::bilevel_paper,
     {.random_sign = true, .any_adapter = true}},
    {Method::joint_lora,
     "joint-lora",
     AdapterKind::lora,
     Trains::adapter,
     "Joint LoRA",
     "a baseline for several tasks: one shared adapter by its gradient, merged into the weights",
     "Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models",
     {.joint = true}},
    {Method::joint_mezo,
     "joint-mezo",
     AdapterKind::none,
     Trains::backbone,
     "Joint MeZO",
     "a baseline for several tasks: MeZO on their mixture",
     detail::mezo_paper,
     {.joint = true}},
    {Method::none, "none", AdapterKind::none, Trains::nothing, "Untrained", "the model as it is",
     detail::bilevel_paper},
}};
static_assert([] {
  for (std::size_t i = 0; i < methods.size(); ++i)
    if (static_cast<std::size_t>(methods[i].method) != i) return false;
  return methods.size() == enum_names<Method>.size();
}());

/// The table entry of a method. Throws Error for a number that is not a method.
[[nodiscard]] inline const MethodInfo& info(Method method) {
  const auto index = static_cast<std::size_t>(method);
  require(index < methods.size(), "method = {}: must be below {}", index, methods.size());
  return methods[index];
}

/// The method of the same family with that adapter. Throws Error naming the adapters of the family.
[[nodiscard]] Method sibling(Method method, AdapterKind adapter);

}  // namespace zofo::llm
