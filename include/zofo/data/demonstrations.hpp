/// @file In-context learning: solved examples before a prompt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "zofo/data/task.hpp"

namespace zofo::data {

/// An example with its answer, as it stands before a prompt.
std::string demonstration_text(const Task& task, const Example& example);

/// Moves `count` training examples to the demonstrations; the seed determines which, and their order. Throws
/// Error unless a training example remains.
void take_demonstrations(TaskData& data, std::size_t count, std::uint64_t seed);

/// The last `count` demonstrations and the prompt, separated.
std::string with_demonstrations(std::span<const std::string> demonstrations, std::size_t count,
                                const std::string& separator, const std::string& prompt);

/// The largest number of demonstrations, taken from the end, with which the text passes `fits`; 0 if there is
/// none. Every text shorter than one that fits must fit too.
std::size_t demonstrations_that_fit(std::span<const std::string> demonstrations, const std::string& separator,
                                    const std::string& prompt,
                                    const std::function<bool(const std::string&)>& fits);

}  // namespace zofo::data
