/// @file The problems of the comparison: sizes, targets, budgets, and an instance for each seed.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "bilevel/instance.hpp"
#include "bilevel/text_rows.hpp"

namespace zofo::bench {

/// A problem of the comparison. If `text` is true, it needs real data.
struct Case {
  CaseSettings settings;
  std::function<Instance(std::uint64_t seed, const TextData* text)> make;
  bool text = false;
};

/// All problems, in the order of the page.
[[nodiscard]] std::vector<Case> all_cases();

}  // namespace zofo::bench
