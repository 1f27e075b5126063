/// @file An adapter's layout of any kind, and the layouts that one model serves at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/peft/kind.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/peft/model_shape.hpp"
#include "zofo/peft/prefix.hpp"
#include "zofo/peft/prompt.hpp"

namespace zofo::peft {

/// What the entries of an adapter's flat fp32 vector mean: a layout of any kind, in the order of Kind.
using Adapter = std::variant<Lora, Prefix, Prompt>;
static_assert(std::variant_size_v<Adapter> == kind_names.size());

[[nodiscard]] inline Kind kind(const Adapter& adapter) { return static_cast<Kind>(adapter.index()); }
/// Entries of the vector.
[[nodiscard]] inline std::size_t size(const Adapter& adapter) {
  return std::visit([](const auto& layout) { return layout.size(); }, adapter);
}
/// Positions that the adapter takes of a sequence's context.
[[nodiscard]] inline std::uint32_t virtual_tokens(const Adapter& adapter) {
  if (const auto* prefix = std::get_if<Prefix>(&adapter)) return prefix->tokens();
  if (const auto* prompt = std::get_if<Prompt>(&adapter)) return prompt->tokens();
  return 0;
}
/// The layout for another model, or for the same one.
[[nodiscard]] inline Adapter same_for(const ModelShape& shape, const Adapter& adapter) {
  return std::visit(
      [&](const auto& layout) -> Adapter {
        return std::remove_cvref_t<decltype(layout)>(shape, layout.options());
      },
      adapter);
}

/// The layouts that a model serves in one pass, one of a kind at most. The first is that of calls which name
/// no kinds.
class Adapters {
 public:
  Adapters(Adapter only)
      : Adapters(std::vector<Adapter>{std::move(only)}) {}     // NOLINT(google-explicit-constructor)
  Adapters(Lora only) : Adapters(Adapter(std::move(only))) {}  // NOLINT(google-explicit-constructor)
  Adapters(Prefix only) : Adapters(Adapter(only)) {}           // NOLINT(google-explicit-constructor)
  Adapters(Prompt only) : Adapters(Adapter(only)) {}           // NOLINT(google-explicit-constructor)
  /// Throws Error if there is none, or two of a kind.
  explicit Adapters(std::vector<Adapter> layouts) {
    require(!layouts.empty(), "adapters: no layout is given; name one of lora, prefix, prompt");
    first_ = kind(layouts.front());
    for (Adapter& layout : layouts) {
      std::optional<Adapter>& place = layouts_[index(kind(layout))];
      require(!place, "adapters: two layouts of kind {}: one of a kind at most", name(kind(layout)));
      place = std::move(layout);
    }
  }

  [[nodiscard]] Kind first() const { return first_; }
  [[nodiscard]] bool has(Kind kind) const {
    return index(kind) < layouts_.size() && layouts_[index(kind)].has_value();
  }
  /// Throws Error if there is no layout of this kind.
  [[nodiscard]] const Adapter& layout(Kind kind) const {
    require(has(kind), "adapters: no layout of kind {} is served", name(kind));
    return *layouts_[index(kind)];
  }
  [[nodiscard]] const Lora& lora() const { return std::get<Lora>(layout(Kind::lora)); }
  [[nodiscard]] const Prefix& prefix() const { return std::get<Prefix>(layout(Kind::prefix)); }
  [[nodiscard]] const Prompt& prompt() const { return std::get<Prompt>(layout(Kind::prompt)); }
  /// Entries of a vector of this kind; 0 where none is served.
  [[nodiscard]] std::size_t size(Kind kind) const { return has(kind) ? peft::size(layout(kind)) : 0; }
  /// Positions that an adapter of this kind takes of a sequence's context; 0 where none is served.
  [[nodiscard]] std::uint32_t virtual_tokens(Kind kind) const {
    return has(kind) ? peft::virtual_tokens(layout(kind)) : 0;
  }

  /// Throws Error unless every layout is one for models of this shape.
  void check(const ModelShape& shape) const {
    for (const std::optional<Adapter>& layout : layouts_)
      require(!layout || peft::size(*layout) == peft::size(same_for(shape, *layout)),
              "transformer: the adapter layout is that of a model of another shape");
  }

 private:
  Kind first_ = Kind::lora;
  std::array<std::optional<Adapter>, kind_names.size()> layouts_;
};

}  // namespace zofo::peft
