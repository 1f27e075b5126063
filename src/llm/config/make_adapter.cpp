#include "zofo/config/make_adapter.hpp"

#include <sstream>
#include <string_view>

namespace zofo::llm {

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

peft::Lora make_lora(const model::Config& config, std::uint32_t rank, double alpha,
                     const std::string& targets) {
  std::vector<std::string> projections = split_commas(targets);
  for (std::string& each : projections)
    if (each.ends_with("_proj")) each.resize(each.size() - std::string_view("_proj").size());
  return peft::Lora(config, {rank, static_cast<float>(alpha), projections});
}

peft::Adapter make_adapter(const model::Config& config, const RunOptions& o) {
  if (o.adapter == AdapterKind::prefix) return peft::Prefix(config, {o.num_virtual_tokens});
  if (o.adapter == AdapterKind::prompt) return peft::Prompt(config, {o.num_virtual_tokens});
  return make_lora(config, o.lora_rank, o.lora_alpha, o.lora_target_modules);
}

}  // namespace zofo::llm
