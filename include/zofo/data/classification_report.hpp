/// @file How well predictions agree with labels, class by class.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace zofo::data {

/// The figures of one class. A ratio of nothing is 0, as in scikit-learn.
struct ClassFigures {
  double precision = 0.0;   ///< fraction of the predictions of this class that are right
  double recall = 0.0;      ///< fraction of this class's examples that are predicted
  double f1 = 0.0;          ///< their harmonic mean
  std::size_t support = 0;  ///< examples of this class
};

/// The figures of all classes.
struct ClassificationReport {
  std::vector<ClassFigures> classes;                ///< in their order
  std::vector<std::vector<std::size_t>> confusion;  ///< [label][prediction]: numbers of examples
  double accuracy = 0.0;                            ///< fraction of right predictions
  double macro_f1 = 0.0;                            ///< as macro_f1()
  double balanced_accuracy = 0.0;                   ///< as balanced_accuracy()
};

/// The report of predictions. Throws Error if there are no examples, the lengths differ, or a class is
/// outside [0, classes).
ClassificationReport classification_report(std::span<const int> labels, std::span<const int> predictions,
                                           int classes);

}  // namespace zofo::data
