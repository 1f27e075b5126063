/// @file Metrics of classification, and statistics of several runs.
#pragma once

#include <span>

namespace zofo::data {

/// The fraction of examples whose prediction equals the label. Throws Error if there are no examples or the
/// lengths differ.
double accuracy(std::span<const int> labels, std::span<const int> predictions);

/// The mean over classes of F1 = 2 TP / (2 TP + FP + FN). Only classes that occur among labels or predictions
/// count (as in scikit-learn's f1_score(average="macro")). Throws Error if there are no examples, the lengths
/// differ, or a class is outside [0, classes).
double macro_f1(std::span<const int> labels, std::span<const int> predictions, int classes);

/// The mean over classes of the fraction of their examples that are predicted correctly. Only classes that
/// occur among the labels count (as in scikit-learn's balanced_accuracy_score). Throws Error if there are no
/// examples, the lengths differ, or a label is outside [0, classes).
double balanced_accuracy(std::span<const int> labels, std::span<const int> predictions, int classes);

/// Statistics of a metric over runs or templates.
struct Summary {
  double mean = 0.0;                ///< arithmetic mean
  double standard_deviation = 0.0;  ///< of a sample (divisor n − 1); 0 for one value
  double low = 0.0;                 ///< smallest value
  double high = 0.0;                ///< largest value
};

/// The statistics of `values`. Throws Error if there are none.
Summary summary(std::span<const double> values);

/// The mean of `losses`. Throws Error if there are none.
double mean_loss(std::span<const double> losses);

}  // namespace zofo::data
