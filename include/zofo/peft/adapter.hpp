/// @file The layout of an adapter of any kind, and the layouts of a model whose batches mix kinds.
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

/// Layout of an adapter in one flat fp32 vector: of any kind, in the order of Kind.
using Adapter = std::variant<Lora, Prefix, Prompt>;
static_assert(std::variant_size_v<Adapter> == kind_names.size());

/// Kind of the layout.
[[nodiscard]] inline Kind kind(const Adapter& adapter) { return static_cast<Kind>(adapter.index()); }
/// Entries of the vector.
[[nodiscard]] inline std::size_t size(const Adapter& adapter) {
  return std::visit([](const auto& layout) { return layout.size(); }, adapter);
}
/// Positions of a sequence's context that the adapter reserves.
[[nodiscard]] inline std::uint32_t virtual_tokens(const Adapter& adapter) {
  if (const auto* prefix = std::get_if<Prefix>(&adapter)) return prefix->tokens();
  if (const auto* prompt = std::get_if<Prompt>(&adapter)) return prompt->tokens();
  return 0;
}
/// The layout with the same options for a model of this shape. Throws Error if the options do not fit it.
[[nodiscard]] inline Adapter same_for(const ModelShape& shape, const Adapter& adapter) {
  return std::visit(
      [&](const auto& layout) -> Adapter {
        return std::remove_cvref_t<decltype(layout)>(shape, layout.options());
      },
      adapter);
}

/// The layouts of the adapters that one pass may mix, at most one per kind. A batch that names no kinds uses
/// the first.
class Adapters {
 public:
  ///@{
  /// A single layout.
  Adapters(Adapter only)
      : Adapters(std::vector<Adapter>{std::move(only)}) {}     // NOLINT(google-explicit-constructor)
  Adapters(Lora only) : Adapters(Adapter(std::move(only))) {}  // NOLINT(google-explicit-constructor)
  Adapters(Prefix only) : Adapters(Adapter(only)) {}           // NOLINT(google-explicit-constructor)
  Adapters(Prompt only) : Adapters(Adapter(only)) {}           // NOLINT(google-explicit-constructor)
  ///@}
  /// Several layouts. Throws Error if the list is empty or names a kind twice.
  explicit Adapters(std::vector<Adapter> layouts) {
    require(!layouts.empty(), "adapters: no layout is given; name one of lora, prefix, prompt");
    first_ = kind(layouts.front());
    for (Adapter& layout : layouts) {
      std::optional<Adapter>& slot = layouts_[index(kind(layout))];
      require(!slot, "adapters: two layouts of kind {}: at most one per kind", name(kind(layout)));
      slot = std::move(layout);
    }
  }

  /// Kind of the first layout.
  [[nodiscard]] Kind first() const { return first_; }
  /// Whether there is a layout of this kind.
  [[nodiscard]] bool has(Kind kind) const {
    return index(kind) < layouts_.size() && layouts_[index(kind)].has_value();
  }
  /// The layout of this kind. Throws Error if there is none.
  [[nodiscard]] const Adapter& layout(Kind kind) const {
    require(has(kind), "adapters: the model has no layout of kind {}", name(kind));
    return *layouts_[index(kind)];
  }
  ///@{
  /// The layout of this kind. Throws Error if there is none.
  [[nodiscard]] const Lora& lora() const { return std::get<Lora>(layout(Kind::lora)); }
  [[nodiscard]] const Prefix& prefix() const { return std::get<Prefix>(layout(Kind::prefix)); }
  [[nodiscard]] const Prompt& prompt() const { return std::get<Prompt>(layout(Kind::prompt)); }
  ///@}
  /// Entries of an adapter of this kind; 0 if there is no such layout.
  [[nodiscard]] std::size_t size(Kind kind) const { return has(kind) ? peft::size(layout(kind)) : 0; }
  /// Positions of a sequence's context that an adapter of this kind reserves; 0 if there is no such layout.
  [[nodiscard]] std::uint32_t virtual_tokens(Kind kind) const {
    return has(kind) ? peft::virtual_tokens(layout(kind)) : 0;
  }

  /// Throws Error unless every layout was made for a model of this shape.
  void check(const ModelShape& shape) const {
    for (const std::optional<Adapter>& layout : layouts_)
      require(!layout || peft::size(*layout) == peft::size(same_for(shape, *layout)),
              "transformer: the adapter layout was made for a model of another shape");
  }

 private:
  Kind first_ = Kind::lora;
  std::array<std::optional<Adapter>, kind_names.size()> layouts_;
};

}  // namespace zofo::peft
