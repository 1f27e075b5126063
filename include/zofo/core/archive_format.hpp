/// @file The format of archives of states: the tags of the values, and what a type must offer.
///
/// An archive is a sequence of tagged values, little-endian: a tag of one byte, then a number's bytes; a
/// list's count (64 bits) and elements; `begin`, the fields and `end` of a structure. Tags cost one byte per
/// value. A file that was saved with other policies fails at its first value of another type.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "zofo/core/direction.hpp"
#include "zofo/core/probe.hpp"

namespace zofo {

/// The type of a value in an archive.
enum class ArchiveTag : std::uint8_t {
  boolean = 1,
  unsigned8,
  unsigned16,
  unsigned32,
  unsigned64,
  signed8,
  signed16,
  signed32,
  signed64,
  single_precision,
  double_precision,
  text,     ///< count, bytes
  numbers,  ///< tag of the numbers, count, numbers
  list,     ///< count, values
  tensors,  ///< count, `numbers` of each tensor
  matrix,   ///< rows, columns, `numbers` in the order of memory
  none,     ///< an empty optional
  some,     ///< an optional's value follows
  begin,    ///< of a structure
  end
};

/// A state that names its members to be saved: `fields(archive)` calls `archive(a, b, …)` with them.
template <class T, class Archive>
concept HasFields = requires(T& value, Archive& archive) { value.fields(archive); };

namespace detail {

static_assert(std::endian::native == std::endian::little,
              "zofo: archives are written on little-endian machines");

/// Numbers that are stored in an archive with the same bytes as in memory.
template <class T>
concept ArchivedNumber = std::is_arithmetic_v<T> && !std::same_as<T, bool> &&
                         (std::integral<T> || std::same_as<T, float> || std::same_as<T, double>);

template <ArchivedNumber T>
[[nodiscard]] constexpr ArchiveTag tag_of() {
  if constexpr (std::same_as<T, float>)
    return ArchiveTag::single_precision;
  else if constexpr (std::same_as<T, double>)
    return ArchiveTag::double_precision;
  else {
    constexpr int log_size = std::countr_zero(sizeof(T));
    constexpr auto first = std::is_signed_v<T> ? ArchiveTag::signed8 : ArchiveTag::unsigned8;
    return static_cast<ArchiveTag>(static_cast<int>(first) + log_size);
  }
}

/// A tag in messages.
[[nodiscard]] constexpr std::string_view name_of(ArchiveTag tag) {
  constexpr std::string_view names[] = {"a bool",
                                        "an 8-bit unsigned integer",
                                        "a 16-bit unsigned integer",
                                        "a 32-bit unsigned integer",
                                        "a 64-bit unsigned integer",
                                        "an 8-bit integer",
                                        "a 16-bit integer",
                                        "a 32-bit integer",
                                        "a 64-bit integer",
                                        "a float",
                                        "a double",
                                        "a text",
                                        "a row of numbers",
                                        "a list",
                                        "tensors",
                                        "a matrix",
                                        "nothing",
                                        "an optional's value",
                                        "the begin of a structure",
                                        "the end of a structure"};
  const auto index = static_cast<std::size_t>(tag);
  return index >= 1 && index <= std::size(names) ? names[index - 1] : "no known type";
}

// Values of core whose types have no fields().
template <class Archive>
void fields_of(Direction& direction, Archive& archive) {
  archive(direction.seed, direction.step, direction.query);
}
template <class Archive>
void fields_of(Probe& probe, Archive& archive) {
  archive(probe.direction, probe.scale);
}
template <class T>
concept PlainCoreValue = std::same_as<T, Direction> || std::same_as<T, Probe>;

template <class T>
inline constexpr bool cannot_be_archived = false;

}  // namespace detail

}  // namespace zofo
