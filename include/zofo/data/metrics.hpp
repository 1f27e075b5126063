/// @file Figures of merit of a classification.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::data {

namespace detail {

inline void require_pairs(std::span<const int> labels, std::span<const int> predictions) {
  require(labels.size() == predictions.size(), "{} labels, {} predictions: must be as many", labels.size(),
          predictions.size());
  require(!labels.empty(), "no labels: a metric needs at least one row");
}

}  // namespace detail

/// The share of rows whose prediction is the label. Error when there are none or the lengths differ.
inline double accuracy(std::span<const int> labels, std::span<const int> predictions) {
  detail::require_pairs(labels, predictions);
  std::size_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += labels[i] == predictions[i];
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

/// The mean over classes of F1 = 2 TP / (2 TP + FP + FN), over the classes that occur among labels or
/// predictions (as scikit-learn's f1_score(average="macro")). Error for a class outside [0, classes).
inline double macro_f1(std::span<const int> labels, std::span<const int> predictions, int classes) {
  detail::require_pairs(labels, predictions);
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

/// The mean over the classes that occur among labels of the share of their rows that are predicted right (as
/// scikit-learn's balanced_accuracy_score). Error for a label outside [0, classes).
inline double balanced_accuracy(std::span<const int> labels, std::span<const int> predictions, int classes) {
  detail::require_pairs(labels, predictions);
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

/// How a figure spreads over runs or templates.
struct Summary {
  double mean = 0.0;
  double standard_deviation = 0.0;  ///< of a sample (n − 1); 0 for one value
  double low = 0.0, high = 0.0;
};

/// The spread of `values`. Error when there are none.
inline Summary summary(std::span<const double> values) {
  require(!values.empty(), "no values: a spread needs at least one");
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

/// The mean of `losses`. Error when there are none.
inline double mean_loss(std::span<const double> losses) {
  require(!losses.empty(), "no losses: a mean needs at least one");
  return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
}

}  // namespace zofo::data
