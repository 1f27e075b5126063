#include "zofo/run/selected_model_file.hpp"

#include <nlohmann/json.hpp>
#include <span>
#include <system_error>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/run/fingerprint.hpp"
#include "zofo/run/run_description.hpp"

namespace zofo::llm {

void write_selected(const std::filesystem::path& run, const model::Config& config, const SelectedModel& model,
                    const std::string& base_model) {
  nlohmann::json out = {{"served", to_text(model.selected)},
                        {"steps", model.steps},
                        {"decision",
                         {{"upper_loss", model.upper_loss},
                          {"lower_loss", model.lower_loss},
                          {"rows", model.validation_examples}}}};
  if (model.adapter) {
    const Eigen::VectorXf& x = model.adapter->values;
    std::filesystem::create_directories(run / adapter_folder);
    peft::write_peft(run / adapter_folder, config, model.adapter->layout,
                     {x.data(), static_cast<std::size_t>(x.size())}, base_model);
    out["adapter_hash"] = hash_of(x);
  }
  zofo::write_atomically(run / selected_file, out.dump(2) + "\n");
}

SelectedModel read_selected(const std::filesystem::path& run, const model::Config& config) {
  std::error_code ignored;
  require(!std::filesystem::exists(run / RunDescription::file, ignored) ||
              std::filesystem::exists(run / selected_file, ignored),
          "{}: a run of meta-train, which selects no adapter for one task: zofo score --run takes its "
          "adapters, zofo adapt --run fits one to a task",
          run.string());
  const auto file = checkpoint::JsonFields::load(run / selected_file);
  SelectedModel model;
  model.selected =
      parse::with_path(file.location(), [&] { return enum_from<Selected>("served", file.string("served")); });
  model.steps = file.integer("steps");
  if (model.selected == Selected::backbone) return model;
  model.adapter = peft::read_peft(run / adapter_folder, config);
  const std::string found = hash_of(model.adapter->values);
  require(found == file.string("adapter_hash"), "{}: its values have the hash {}: {} records {}",
          (run / adapter_folder).string(), found, selected_file, file.string("adapter_hash"));
  return model;
}

}  // namespace zofo::llm
