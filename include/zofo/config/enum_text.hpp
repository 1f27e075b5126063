/// @file Enums as text: parsing, printing and error messages use one table for each enum.
#pragma once

#include <fmt/format.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "zofo/core/error.hpp"

namespace zofo::llm {

/// The names of an enum's values, in the order of the values, which count from 0. Specialise it next to the
/// enum: `template <> inline constexpr std::array enum_names<Colour>{std::string_view("red"), …}`.
template <class E>
inline constexpr std::array<std::string_view, 0> enum_names{};

/// An enum with a table of names.
template <class E>
concept NamedEnum = std::is_enum_v<E> && (enum_names<E>.size() > 0);

/// The value's name; "unknown" for a number that is not a value of the enum.
template <NamedEnum E>
[[nodiscard]] constexpr std::string_view to_text(E value) {
  const auto index = static_cast<std::size_t>(value);
  return index < enum_names<E>.size() ? enum_names<E>[index] : "unknown";
}

/// All names of an enum, separated by commas.
template <NamedEnum E>
[[nodiscard]] std::string all_names() {
  std::string list;
  for (const std::string_view name : enum_names<E>) list.append(list.empty() ? "" : ", ").append(name);
  return list;
}

/// The value of that name. Throws Error naming the field, the text and all names of the enum.
template <NamedEnum E>
[[nodiscard]] E enum_from(std::string_view field, std::string_view text) {
  for (std::size_t i = 0; i < enum_names<E>.size(); ++i)
    if (enum_names<E>[i] == text) return static_cast<E>(i);
  fail("{} = \"{}\": must be one of {}", field, text, all_names<E>());
}

}  // namespace zofo::llm

/// Prints a value of a named enum by its name.
template <zofo::llm::NamedEnum E>
struct fmt::formatter<E> : fmt::formatter<std::string_view> {
  auto format(E value, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(zofo::llm::to_text(value), context);
  }
};
