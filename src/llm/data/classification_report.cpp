#include "zofo/data/classification_report.hpp"

#include "zofo/data/metrics.hpp"

namespace zofo::data {

namespace {

double ratio(std::size_t part, std::size_t all) {
  return all == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(all);
}

}  // namespace

ClassificationReport classification_report(std::span<const int> labels, std::span<const int> predictions,
                                           int classes) {
  ClassificationReport report;
  report.accuracy = accuracy(labels, predictions);
  report.macro_f1 = macro_f1(labels, predictions, classes);  // checks that all are in [0, classes)
  report.balanced_accuracy = balanced_accuracy(labels, predictions, classes);
  const auto count = static_cast<std::size_t>(classes);
  report.confusion.assign(count, std::vector<std::size_t>(count));
  for (std::size_t i = 0; i < labels.size(); ++i)
    ++report.confusion[static_cast<std::size_t>(labels[i])][static_cast<std::size_t>(predictions[i])];
  for (std::size_t c = 0; c < count; ++c) {
    const std::size_t hits = report.confusion[c][c];
    std::size_t predicted = 0, support = 0;
    for (std::size_t i = 0; i < count; ++i) {
      predicted += report.confusion[i][c];
      support += report.confusion[c][i];
    }
    report.classes.push_back(
        {ratio(hits, predicted), ratio(hits, support), ratio(2 * hits, predicted + support), support});
  }
  return report;
}

}  // namespace zofo::data
