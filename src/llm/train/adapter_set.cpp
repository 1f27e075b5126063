#include "zofo/train/adapter_set.hpp"

#include "zofo/train/impl/adapter_set.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "zofo/core/error.hpp"
#include "zofo/peft/common_layout.hpp"

namespace zofo::llm {

NamedFolder named_folder(const std::string& text) {
  const std::size_t sign = text.find('=');
  std::error_code ignored;  // a folder's own name may have the sign
  const bool folder = sign == std::string::npos || std::filesystem::is_directory(text, ignored);
  if (folder && !text.empty()) return {"", text};
  require(sign != std::string::npos && sign > 0 && sign + 1 < text.size(),
          "--adapter {}: must be FOLDER or NAME=FOLDER", text);
  return {text.substr(0, sign), text.substr(sign + 1)};
}

namespace detail {
namespace {

// Adds the layout of a prefix or a prompt to the list, once. Throws Error where the list has another size.
void add_virtual_tokens(const peft::Adapter& layout, const std::string& name,
                        std::vector<peft::Adapter>& layouts) {
  const peft::Kind kind = peft::kind(layout);
  for (const peft::Adapter& other : layouts) {
    if (peft::kind(other) != kind) continue;
    return require(peft::virtual_tokens(other) == peft::virtual_tokens(layout),
                   "--adapter {}: a {} of {} tokens: the others of this kind have {}", name, peft::name(kind),
                   peft::virtual_tokens(layout), peft::virtual_tokens(other));
  }
  layouts.push_back(layout);
}

}  // namespace

void add_adapter(const std::string& name, peft::PeftAdapter adapter, std::vector<std::string>& names,
                 std::vector<peft::PeftAdapter>& adapters) {
  const bool taken = std::ranges::find(names, name) != names.end();
  require(!taken || !name.empty(),
          "--adapter: requests that name no adapter have one already: give this one a name (NAME=FOLDER)");
  require(!taken, "--adapter {}: an adapter has this name already", name);
  names.push_back(name);
  adapters.push_back(std::move(adapter));
}

peft::Adapters unite_layouts(const model::Config& config, std::span<const std::string> names,
                             std::span<peft::PeftAdapter> adapters) {
  std::vector<peft::Lora> loras;
  std::vector<peft::Adapter> layouts;
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    if (const auto* lora = std::get_if<peft::Lora>(&adapters[i].layout))
      loras.push_back(*lora);
    else
      add_virtual_tokens(adapters[i].layout, names[i], layouts);
  }
  if (loras.empty() && !layouts.empty()) return peft::Adapters(std::move(layouts));
  const peft::Lora common = loras.empty() ? peft::Lora(config, {}) : peft::common_layout(config, loras);
  for (peft::PeftAdapter& each : adapters)
    if (const auto* lora = std::get_if<peft::Lora>(&each.layout)) {
      each.values = peft::widen(config, *lora, each.values, common);
      each.layout = common;
    }
  layouts.insert(layouts.begin(), common);
  return peft::Adapters(std::move(layouts));
}

}  // namespace detail

}  // namespace zofo::llm
