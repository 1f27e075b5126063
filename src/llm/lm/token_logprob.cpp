#include "zofo/lm/token_logprob.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "zofo/core/error.hpp"

namespace zofo::llm {

TokenLogprob token_logprob(std::span<const float> logits, std::int32_t id, std::size_t top,
                           std::size_t rows) {
  require(id >= 0 && static_cast<std::size_t>(id) < logits.size(),
          "log-probability of token {}: must be in [0, {})", id, logits.size());
  const bool numbers = std::ranges::none_of(logits, [](float each) { return std::isnan(each); });
  const double highest = *std::ranges::max_element(logits);
  require(
      numbers && std::isfinite(highest),
      "log-probabilities: a logit is NaN, or the highest of {} is infinite: the weights or the adapter are "
      "too large",
      logits.size());
  double sum = 0.0;
  for (const float each : logits) sum += std::exp(static_cast<double>(each) - highest);
  const double all = highest + std::log(sum);
  TokenLogprob result{id, static_cast<double>(logits[static_cast<std::size_t>(id)]) - all};
  std::vector<std::int32_t> order(std::min(rows, logits.size()));
  std::iota(order.begin(), order.end(), 0);
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(top, order.size()));
  std::partial_sort(order.begin(), end, order.end(), [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  });
  for (auto each = order.begin(); each != end; ++each)
    result.top.emplace_back(*each, static_cast<double>(logits[static_cast<std::size_t>(*each)]) - all);
  return result;
}

}  // namespace zofo::llm
