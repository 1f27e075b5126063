#include "zofo/peft/peft_adapter.hpp"

#include <system_error>
#include <utility>
#include <variant>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/peft/gguf_lora.hpp"
#include "zofo/peft/peft_config.hpp"
#include "zofo/peft/peft_format.hpp"
#include "zofo/peft/peft_virtual_tokens.hpp"

namespace zofo::peft {

PeftAdapter read_peft(const std::filesystem::path& folder, const ModelShape& shape) {
  PeftAdapter adapter = read_peft_with_changes(folder, shape);
  adapter.changes.refuse_any();
  return adapter;
}

PeftAdapter read_peft_with_changes(const std::filesystem::path& folder, const ModelShape& shape) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(folder, ignored))
    return read_gguf_lora(checkpoint::GgufFile(folder), shape);
  const auto described = checkpoint::JsonFields::load(folder / peft_config_file);
  if (described.string("peft_type") == "LORA") {
    PeftLora read = read_peft_lora(folder, shape);
    return {std::move(read.lora), std::move(read.values), std::move(read.changes)};
  }
  PeftVirtualTokens read = read_peft_virtual_tokens(folder, shape);
  return {std::move(read.adapter), std::move(read.values)};
}

void write_peft(const std::filesystem::path& folder, const ModelShape& shape, const Adapter& layout,
                std::span<const float> values, const std::string& base_model) {
  if (const auto* lora = std::get_if<Lora>(&layout))
    write_peft_lora(folder, shape, *lora, values, base_model);
  else
    write_peft_virtual_tokens(folder, shape, layout, values, base_model);
}

}  // namespace zofo::peft
