/// @file Default options of a command and of a method.
#pragma once

#include "zofo/config/methods.hpp"
#include "zofo/config/run_options.hpp"

namespace zofo::llm {

/// The default options of a command.
[[nodiscard]] RunOptions defaults(Command command);

/// The default options of a command, with the changes that the method's paper (MethodInfo::paper) makes and,
/// for `zofo finetune`, learning rates that a search over many tasks chose (docs/results/presets.md).
[[nodiscard]] RunOptions preset(Command command, Method method);
/// preset() for `zofo finetune`.
[[nodiscard]] RunOptions preset(Method method);

}  // namespace zofo::llm
