#include "zofo/lm/scores.hpp"

#include <cmath>
#include <limits>

namespace zofo::llm {

double Scores::perplexity() const {
  return answer_tokens > 0 ? std::exp(loss) : std::numeric_limits<double>::quiet_NaN();
}

double figure(const Scores& scores, data::Metric metric) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  switch (metric) {
    case data::Metric::accuracy:
      return scores.accuracy;
    case data::Metric::macro_f1:
      return scores.macro_f1;
    case data::Metric::balanced_accuracy:
      return scores.balanced_accuracy;
    case data::Metric::exact_match:
      return scores.answers ? scores.answers->exact_match : none;
    case data::Metric::f1:
      return scores.answers ? scores.answers->f1 : none;
  }
  return none;
}

}  // namespace zofo::llm
