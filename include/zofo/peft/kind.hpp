/// @file Kinds of adapters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace zofo::peft {

/// What an adapter's vector means.
enum class Kind : std::uint8_t { lora, prefix, prompt };
inline constexpr std::array<std::string_view, 3> kind_names{"lora", "prefix", "prompt"};

[[nodiscard]] constexpr std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }
/// Its name; "unknown" for a value that is none.
[[nodiscard]] constexpr std::string_view name(Kind kind) {
  return index(kind) < kind_names.size() ? kind_names[index(kind)] : "unknown";
}

}  // namespace zofo::peft
