#include "zofo/train/start_adapter.hpp"

#include <fmt/format.h>

#include <string>
#include <system_error>
#include <variant>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/config/make_adapter.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/config/renamed_options.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/peft/peft_config.hpp"
#include "zofo/peft/peft_format.hpp"

namespace zofo::llm {

namespace {

std::filesystem::path folder_of(const RunOptions& o, const std::filesystem::path& run) {
  const std::filesystem::path copy = run / start_adapter_folder;
  std::error_code ignored;
  if (!run.empty() && std::filesystem::exists(copy, ignored)) return copy;
  return o.start_adapter;
}

// Sets an option to the adapter's value. Throws Error if the user chose another one.
template <class T>
void take(const char* name, T& option, const T& preset, const T& value, const std::filesystem::path& folder) {
  require(option == preset || option == value, "{} = {}: the adapter {} has {}", name, option,
          folder.string(), value);
  option = value;
}

}  // namespace

AdapterKind adapter_kind(const std::filesystem::path& folder) {
  const auto file = checkpoint::JsonFields::load(folder / peft::peft_config_file);
  const std::string type = file.string("peft_type");
  if (type == "LORA") return AdapterKind::lora;
  if (type == "PREFIX_TUNING") return AdapterKind::prefix;
  if (type != "PROMPT_TUNING") file.refuse("peft_type", "LORA, PREFIX_TUNING or PROMPT_TUNING");
  return AdapterKind::prompt;
}

RunOptions with_start_adapter(RunOptions o, const model::Config& config, const std::filesystem::path& run) {
  if (o.start_adapter.empty()) return o;
  const std::filesystem::path folder = folder_of(o, run);
  const AdapterKind kind = adapter_kind(folder);
  require(o.trains() != Trains::backbone && o.trains() != Trains::nothing,
          "start_adapter = \"{}\": method {} trains no adapter", o.start_adapter, o.method);
  require(o.adapter == kind, "start_adapter = \"{}\": is of kind {}: adapter = \"{}\" must be the same",
          o.start_adapter, kind, o.adapter);
  const peft::Adapter layout = peft::read_peft(folder, config).layout;
  const RunOptions preset = llm::preset(o.command, o.method);
  if (const auto* lora = std::get_if<peft::Lora>(&layout)) {
    parse::with_path(folder.string(), [&] { peft::check_peft_can_write(config, *lora); });
    const std::string unchanged = target_modules(preset.lora_target_modules);
    if (o.lora_target_modules != unchanged)  // in the order of the adapter's
      o.lora_target_modules =
          targets_of(make_lora(config, o.lora_rank, o.lora_alpha, o.lora_target_modules), config);
    take("lora_rank", o.lora_rank, preset.lora_rank, lora->options().rank, folder);
    take("lora_alpha", o.lora_alpha, preset.lora_alpha, static_cast<double>(lora->options().alpha), folder);
    take("lora_target_modules", o.lora_target_modules, unchanged, targets_of(*lora, config), folder);
  } else {
    take("num_virtual_tokens", o.num_virtual_tokens, preset.num_virtual_tokens, peft::virtual_tokens(layout),
         folder);
  }
  return o;
}

Eigen::VectorXf start_values(const RunOptions& o, const model::Config& config,
                             const std::filesystem::path& run) {
  return peft::read_peft(folder_of(o, run), config).values;
}

void copy_start_adapter(const RunOptions& o, const std::filesystem::path& run) {
  if (o.start_adapter.empty()) return;
  const std::filesystem::path from = o.start_adapter, to = run / start_adapter_folder;
  std::error_code error;
  std::filesystem::create_directories(to, error);
  require(!error, "{}: cannot make this folder: {}", to.string(), error.message());
  for (const char* file : {peft::peft_weights_file, peft::peft_config_file})
    write_atomically(to / file, parse::read_file(from / file));
}

}  // namespace zofo::llm
