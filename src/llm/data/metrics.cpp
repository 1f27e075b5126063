#include "zofo/data/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::data {

namespace {

void require_pairs(std::span<const int> labels, std::span<const int> predictions) {
  require(labels.size() == predictions.size(), "{} labels, {} predictions: the numbers must be equal",
          labels.size(), predictions.size());
  require(!labels.empty(), "no labels: a metric needs at least one example");
}

}  // namespace

double accuracy(std::span<const int> labels, std::span<const int> predictions) {
  require_pairs(labels, predictions);
  std::size_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += labels[i] == predictions[i];
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

double macro_f1(std::span<const int> labels, std::span<const int> predictions, int classes) {
  require_pairs(labels, predictions);
  require(classes >= 1, "classes = {}: must be at least 1", classes);
  const auto checked = [classes](const char* what, int value) {
    require(value >= 0 && value < classes, "{} {}: must be in [0, {})", what, value, classes);
    return static_cast<std::size_t>(value);
  };
  std::vector<double> hits(static_cast<std::size_t>(classes)), uses(hits.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    ++uses[checked("label", labels[i])];
    ++uses[checked("prediction", predictions[i])];
    if (labels[i] == predictions[i]) ++hits[checked("label", labels[i])];
  }
  double sum = 0, present = 0;
  for (std::size_t c = 0; c < hits.size(); ++c) {
    if (uses[c] == 0) continue;
    sum += 2 * hits[c] / uses[c];  // uses = TP + FN of the labels and TP + FP of the predictions
    ++present;
  }
  return sum / present;
}

double balanced_accuracy(std::span<const int> labels, std::span<const int> predictions, int classes) {
  require_pairs(labels, predictions);
  require(classes >= 1, "classes = {}: must be at least 1", classes);
  std::vector<double> right(static_cast<std::size_t>(classes)), all(right.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    require(labels[i] >= 0 && labels[i] < classes, "label {}: must be in [0, {})", labels[i], classes);
    const auto label = static_cast<std::size_t>(labels[i]);
    ++all[label];
    if (labels[i] == predictions[i]) ++right[label];
  }
  double sum = 0, present = 0;
  for (std::size_t c = 0; c < all.size(); ++c) {
    if (all[c] == 0) continue;
    sum += right[c] / all[c];
    ++present;
  }
  return sum / present;
}

Summary summary(std::span<const double> values) {
  require(!values.empty(), "no values: statistics need at least one");
  const auto count = static_cast<double>(values.size());
  Summary s;
  s.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0.0;
  for (const double value : values) squares += (value - s.mean) * (value - s.mean);
  s.standard_deviation = values.size() > 1 ? std::sqrt(squares / (count - 1)) : 0.0;
  s.low = *std::min_element(values.begin(), values.end());
  s.high = *std::max_element(values.begin(), values.end());
  return s;
}

double mean_loss(std::span<const double> losses) {
  require(!losses.empty(), "no losses: a mean needs at least one");
  return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
}

}  // namespace zofo::data
