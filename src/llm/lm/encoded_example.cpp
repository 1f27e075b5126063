#include "zofo/lm/encoded_example.hpp"

#include <algorithm>

#include "zofo/core/error.hpp"

namespace zofo::llm {

void OptionTokens::check() const {
  const std::size_t least = loss == data::Loss::choices ? 2 : 1;
  require(options.size() >= least, "options: {} given: a task needs at least {}", options.size(), least);
  for (std::size_t i = 0; i < options.size(); ++i)
    require(!options[i].empty(), "options[{}]: has zero tokens: must have at least 1", i);
  require(
      positions.empty() || (options.size() == 1 && positions.size() == options[0].size() && contexts.empty()),
      "positions: {} for {} options", positions.size(), options.size());
  require(contexts.empty() || contexts.size() == options.size(), "contexts: {} for {} options",
          contexts.size(), options.size());
  require(offsets.empty() || offsets.size() == options.size(), "offsets: {} for {} options", offsets.size(),
          options.size());
}

bool OptionTokens::single() const {
  return contexts.empty() && positions.empty() &&
         std::ranges::all_of(options, [](const Tokens& o) { return o.size() == 1; });
}

std::size_t OptionTokens::targets() const {
  std::size_t sum = 0;
  for (const Tokens& option : options) sum += option.size();
  return sum;
}

std::size_t OptionTokens::added(std::size_t i) const {
  if (!positions.empty()) return 0;
  return options[i].size() - 1 + (contexts.empty() ? 0 : contexts[i].size());
}

std::size_t OptionTokens::longest() const {
  std::size_t most = 0;
  for (std::size_t i = 0; i < options.size(); ++i) most = std::max(most, added(i));
  return most;
}

}  // namespace zofo::llm
