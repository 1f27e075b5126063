/// @file Enums of a run's options, and the names of their values in files and on the command line.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "zofo/config/enum_text.hpp"

namespace zofo::llm {

/// The command that started a run. It sets the defaults and the layout of the run folder.
enum class Command : std::uint8_t { finetune, meta_train };
/// Names of the values of Command.
template <>
inline constexpr std::array<std::string_view, 2> enum_names<Command>{"finetune", "meta-train"};

/// The training methods; config/methods.hpp describes each.
enum class Method : std::uint8_t {
  bilevel,
  bilevel_prefix,
  bilevel_prompt,
  lora,
  prefix,
  prompt,
  mezo,
  mezo_lora,
  mezo_prefix,
  mezo_prompt,
  mezo_adam,
  lozo,
  sparse,
  mezo_svrg,
  fzoo,
  frozen,
  random_sign,
  joint_lora,
  joint_mezo,
  none
};
/// Names of the values of Method.
template <>
inline constexpr std::array<std::string_view, 20> enum_names<Method>{
    "bilevel",   "bilevel-prefix", "bilevel-prompt", "lora",       "prefix",     "prompt", "mezo",
    "mezo-lora", "mezo-prefix",    "mezo-prompt",    "mezo-adam",  "lozo",       "sparse", "mezo-svrg",
    "fzoo",      "frozen",         "random-sign",    "joint-lora", "joint-mezo", "none"};

/// The kind of adapter that a method trains; none: it trains the backbone.
enum class AdapterKind : std::uint8_t { lora, prefix, prompt, none };
/// Names of the values of AdapterKind.
template <>
inline constexpr std::array<std::string_view, 4> enum_names<AdapterKind>{"lora", "prefix", "prompt", "none"};

/// The distribution of the directions of zeroth-order estimates.
enum class DirectionKind : std::uint8_t {
  gaussian,
  rademacher,
  sphere,
  coordinate,
  low_rank,
  sparse,
  random_sparse
};
/// Names of the values of DirectionKind.
template <>
inline constexpr std::array<std::string_view, 7> enum_names<DirectionKind>{
    "gaussian", "rademacher", "sphere", "coordinate", "low-rank", "sparse", "random-sparse"};

/// The variance reduction of the estimates.
enum class ReductionKind : std::uint8_t { none, svrg, spider, storm };
/// Names of the values of ReductionKind.
template <>
inline constexpr std::array<std::string_view, 4> enum_names<ReductionKind>{"none", "svrg", "spider", "storm"};

/// The optimiser of the parameters that zeroth-order estimates update.
enum class OuterKind : std::uint8_t { sgd, momentum, adam, rms_scalar };
/// Names of the values of OuterKind.
template <>
inline constexpr std::array<std::string_view, 4> enum_names<OuterKind>{"sgd", "momentum", "adam",
                                                                       "rms-scalar"};

/// How learning rates depend on the step after the warm-up.
enum class ScheduleKind : std::uint8_t { constant, linear, cosine };
/// Names of the values of ScheduleKind.
template <>
inline constexpr std::array<std::string_view, 3> enum_names<ScheduleKind>{"constant", "linear", "cosine"};

/// Where a run computes; automatic: on a GPU if there is one.
enum class DeviceKind : std::uint8_t { automatic, cpu, cuda };
/// Names of the values of DeviceKind.
template <>
inline constexpr std::array<std::string_view, 3> enum_names<DeviceKind>{"auto", "cpu", "cuda"};

/// The number format of the weights; automatic: bf16 on a GPU, fp32 on the CPU.
enum class Precision : std::uint8_t { automatic, bf16, fp32 };
/// Names of the values of Precision.
template <>
inline constexpr std::array<std::string_view, 3> enum_names<Precision>{"auto", "bf16", "fp32"};

/// What the probability of sampling a task is proportional to: 1, its number of examples n, or
/// n^(1/temperature).
enum class Sampling : std::uint8_t { uniform, proportional, tempered };
/// Names of the values of Sampling.
template <>
inline constexpr std::array<std::string_view, 3> enum_names<Sampling>{"uniform", "proportional", "tempered"};

/// Whether the tasks' adapters persist from step to step, are reset to their initial values, or are one pair
/// for all tasks.
enum class AdapterMode : std::uint8_t { persistent, reset, shared };
/// Names of the values of AdapterMode.
template <>
inline constexpr std::array<std::string_view, 3> enum_names<AdapterMode>{"persistent", "reset", "shared"};

/// Examples of F in the estimates that update θ: those that p is trained on, or examples that p never sees.
enum class ThetaRows : std::uint8_t { shared, unseen };
/// Names of the values of ThetaRows.
template <>
inline constexpr std::array<std::string_view, 2> enum_names<ThetaRows>{"shared", "unseen"};

/// What a run selects as its result: (θ, p), (θ, s), or only θ.
enum class Selected : std::uint8_t { upper, lower, backbone };
/// Names of the values of Selected.
template <>
inline constexpr std::array<std::string_view, 3> enum_names<Selected>{"upper", "lower", "backbone"};

}  // namespace zofo::llm
