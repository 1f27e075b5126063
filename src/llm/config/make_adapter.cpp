#include "zofo/config/make_adapter.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string_view>

#include "zofo/core/error.hpp"

namespace zofo::llm {

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

namespace {

// One target: a projection of a block or of every block, with its rank and its α if it has its own.
struct Target {
  std::optional<std::uint32_t> layer;
  std::string projection;
  std::optional<std::uint32_t> rank;
  std::optional<float> alpha;
};

template <class T>
T number_in(const std::string& target, std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc() && end == text.data() + text.size(),
          "lora_target_modules: '{}': must be a projection such as q_proj, 3.q_proj of block 3 only, or "
          "3.q_proj:4:8 with a rank and an alpha of its own",
          target);
  return value;
}

Target read_target(const std::string& text) {
  Target target;
  std::string_view rest = text;
  if (const std::size_t dot = rest.find('.'); dot < rest.find(':')) {
    target.layer = number_in<std::uint32_t>(text, rest.substr(0, dot));
    rest.remove_prefix(dot + 1);
  }
  const std::size_t colon = std::min(rest.find(':'), rest.size());
  target.projection = rest.substr(0, colon);
  rest.remove_prefix(colon);
  if (target.projection.ends_with("_proj"))
    target.projection.resize(target.projection.size() - std::string_view("_proj").size());
  if (rest.empty()) return target;
  rest.remove_prefix(1);
  const std::size_t second = std::min(rest.find(':'), rest.size());
  target.rank = number_in<std::uint32_t>(text, rest.substr(0, second));
  if (second < rest.size()) target.alpha = number_in<float>(text, rest.substr(second + 1));
  return target;
}

// "3.q_proj:4:8" without what is the layout's.
std::string target_text(const peft::Lora& lora, std::string_view block, const peft::LoraModule& module) {
  std::string text =
      fmt::format("{}{}_proj", block, peft::projection_names[static_cast<std::size_t>(module.projection)]);
  const bool own_alpha = module.alpha != lora.options().alpha;
  if (own_alpha || module.rank != lora.options().rank) text += fmt::format(":{}", module.rank);
  if (own_alpha) text += fmt::format(":{}", module.alpha);
  return text;
}

}  // namespace

peft::Lora make_lora(const model::Config& config, std::uint32_t rank, double alpha,
                     const std::string& targets) {
  peft::LoraOptions options{rank, static_cast<float>(alpha), {}};
  std::vector<Target> list;
  bool alike = true;
  for (const std::string& each : split_commas(targets)) {
    list.push_back(read_target(each));
    alike = alike && !list.back().layer && !list.back().rank;
    options.targets.push_back(list.back().projection);
  }
  if (alike) return peft::Lora(config, options);
  for (const Target& each : list) {
    const auto* const found = std::ranges::find(peft::projection_names, each.projection);
    require(found != peft::projection_names.end(),
            "lora targets: '{}' is not one of q, k, v, o, gate, up, down", each.projection);
    const auto add = [&](std::uint32_t layer) {
      options.modules.push_back({layer, static_cast<peft::Projection>(found - peft::projection_names.begin()),
                                 each.rank.value_or(rank), each.alpha.value_or(options.alpha)});
    };
    if (each.layer) add(*each.layer);
    for (std::uint32_t layer = 0; !each.layer && layer < config.layers; ++layer) add(layer);
  }
  return peft::Lora(config, options);
}

std::string targets_of(const peft::Lora& lora, const model::Config& config) {
  std::vector<std::string> parts;
  if (lora.options().modules.empty()) {
    for (const std::string& each : lora.options().targets) parts.push_back(each + "_proj");
    std::ranges::sort(parts, {}, [](const std::string& each) {
      return std::ranges::find(peft::projection_names, each.substr(0, each.size() - 5));
    });
    return fmt::format("{}", fmt::join(parts, ","));
  }
  for (std::size_t p = 0; p < peft::projection_names.size(); ++p) {
    std::vector<peft::LoraModule> modules;
    for (const peft::LoraModule& each : lora.options().modules)
      if (static_cast<std::size_t>(each.projection) == p) modules.push_back(each);
    const bool everywhere =
        modules.size() == config.layers && std::ranges::all_of(modules, [&](const peft::LoraModule& each) {
          return each.rank == modules[0].rank && each.alpha == modules[0].alpha;
        });
    if (everywhere) modules.resize(1);
    for (const peft::LoraModule& each : modules)
      parts.push_back(target_text(lora, everywhere ? "" : fmt::format("{}.", each.layer), each));
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

peft::Adapter make_adapter(const model::Config& config, const RunOptions& o) {
  if (o.adapter == AdapterKind::prefix) return peft::Prefix(config, {o.num_virtual_tokens});
  if (o.adapter == AdapterKind::prompt) return peft::Prompt(config, {o.num_virtual_tokens});
  return make_lora(config, o.lora_rank, o.lora_alpha, o.lora_target_modules);
}

}  // namespace zofo::llm
