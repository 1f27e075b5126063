#include "zofo/serve/limits.hpp"

#include "zofo/core/error.hpp"

namespace zofo::serve {

void Limits::check() const {
  constexpr std::size_t context = std::size_t{1} << 22U;  // the longest that a model may have
  require(max_tokens >= 1 && max_tokens <= context, "--max-new-tokens {}: must be in [1, {}]", max_tokens,
          context);
  require(max_queue >= 1 && max_queue <= 4096, "--max-queue {}: must be in [1, 4096]", max_queue);
  require(max_choices >= 1, "max_choices = 0: must be at least 1");
  require(max_body >= 1, "max_body = 0: must be at least 1");
}

}  // namespace zofo::serve
