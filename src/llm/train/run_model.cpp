#include "zofo/train/run_model.hpp"

#include "zofo/core/error.hpp"
#include "zofo/model_io/merge_lora.hpp"

namespace zofo::llm {

std::optional<peft::PeftAdapter> take_adapter(model::Parameters& theta, const ModelParts& parts) {
  if (parts.adapter.empty()) return std::nullopt;
  peft::PeftAdapter adapter = peft::read_peft_with_changes(parts.adapter, theta.config());
  require(
      !adapter.changes.any() || parts.run.empty(),
      "--adapter {}: changes the model's own weights, which --run {} also may: name the model and the task "
      "instead of the run, or merge both by zofo export --run RUN --adapter FOLDER --merge",
      parts.adapter.string(), parts.run.string());
  return apply_changes(theta, std::move(adapter));
}

}  // namespace zofo::llm
