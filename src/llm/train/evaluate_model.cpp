#include "zofo/train/evaluate_model.hpp"

#include "zofo/core/error.hpp"

namespace zofo::llm {

void require_calibratable(const data::Task& task, const EvaluateOptions& options) {
  require(!options.calibrate || task.kind != data::Kind::generate,
          "--calibrate: task {}: the model generates the answers: there are no answer choices to calibrate",
          task.name);
}

}  // namespace zofo::llm
