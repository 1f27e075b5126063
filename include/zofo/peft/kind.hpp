/// @file Kinds of adapters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace zofo::peft {

/// Kind of an adapter.
enum class Kind : std::uint8_t { lora, prefix, prompt };
/// Names of the kinds, in the order of Kind.
inline constexpr std::array<std::string_view, 3> kind_names{"lora", "prefix", "prompt"};

/// The kind's index in kind_names.
[[nodiscard]] constexpr std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }
/// The kind's name; "unknown" for a value outside the enumeration.
[[nodiscard]] constexpr std::string_view name(Kind kind) {
  return index(kind) < kind_names.size() ? kind_names[index(kind)] : "unknown";
}

}  // namespace zofo::peft
