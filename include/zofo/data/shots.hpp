/// @file Subsets of the training examples: the same number of each class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "zofo/data/task.hpp"

namespace zofo::data {

/// Indices of `shots` examples of each class, in a random order; a pure function of the arguments. `names`
/// are the classes, for messages. Throws Error for a label that is not an index of `names`, and for a class
/// with fewer examples, with its name and their number.
std::vector<std::size_t> sample_shots(std::span<const int> labels, std::span<const std::string> names,
                                      std::size_t shots, std::uint64_t seed);

/// Reduces the training examples to `shots` of each class, or to `shots` in total if examples have no classes
/// (kinds candidates and generate). 0 keeps all. Throws Error when there are fewer.
void take_shots(TaskData& data, std::size_t shots, std::uint64_t seed);

/// Indices of `count` examples, evenly by class: the classes give their examples in turn, in an order that
/// the seed determines, and one that has none left is passed over. Class sizes therefore differ by at most
/// one, except where a class has too few. The indices are in increasing order; a pure function of the
/// arguments. All indices if there are not more than `count`.
std::vector<std::size_t> sample_evenly(std::span<const int> labels, std::size_t count, std::uint64_t seed);

/// Reduces the training examples to at most `most`, evenly by class (sample_evenly); a random subset if
/// examples have no classes (kinds candidates and generate). Their order is kept. 0 keeps all.
void take_samples(TaskData& data, std::size_t most, std::uint64_t seed);

}  // namespace zofo::data
