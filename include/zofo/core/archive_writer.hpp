/// @file Writing states to an archive.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/archive_format.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/vector_space.hpp"

namespace zofo {

/// Collects values as the bytes of an archive: `archive(a, b, …)` appends them. Takes numbers, bool, enums,
/// std::string, std::optional, std::vector, std::array, std::pair, AdapterPair, Memory<P>, Direction and
/// Probe, θ and adapters (by for_each_tensor or coordinates), and every type with fields().
class ArchiveWriter {
 public:
  /// Appends the values.
  template <class... Ts>
  ArchiveWriter& operator()(const Ts&... values) {
    (write(values), ...);
    return *this;
  }
  /// The bytes so far.
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  template <class T>
  void write(const T& value) {
    if constexpr (HasFields<T, ArchiveWriter>) {
      put(ArchiveTag::begin);
      // fields() is also used for reading and so is not const; writing an archive changes nothing.
      const_cast<T&>(value).fields(*this);
      put(ArchiveTag::end);
    } else if constexpr (detail::PlainCoreValue<T>) {
      put(ArchiveTag::begin);
      detail::fields_of(const_cast<T&>(value), *this);
      put(ArchiveTag::end);
    } else if constexpr (std::same_as<T, bool>) {
      put(ArchiveTag::boolean);
      put(static_cast<std::uint8_t>(value ? 1 : 0));
    } else if constexpr (std::is_enum_v<T>) {
      write(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (detail::ArchivedNumber<T>) {
      put(detail::tag_of<T>());
      put(value);
    } else if constexpr (std::same_as<T, std::string>) {
      put(ArchiveTag::text);
      put(static_cast<std::uint64_t>(value.size()));
      append(value.data(), value.size());
    } else if constexpr (EigenPlain<T>) {
      put(ArchiveTag::matrix);
      put(static_cast<std::uint64_t>(value.rows()));
      put(static_cast<std::uint64_t>(value.cols()));
      numbers(value.data(), static_cast<std::size_t>(value.size()));
    } else if constexpr (HasTensors<T> && !NumberRange<T>) {
      tensors(value);
    } else if constexpr (HasCoordinates<const T> && !NumberRange<T>) {
      write_coordinates(value);
    } else if constexpr (std::is_empty_v<T>) {
      put(ArchiveTag::begin);
      put(ArchiveTag::end);
    } else {
      write_standard(value);
    }
  }

  template <class T>
  void write_standard(const T& /*value*/) {
    static_assert(detail::cannot_be_archived<T>,
                  "zofo: a State with content needs template <class A> void fields(A& archive) { archive(a, "
                  "b, ...); } that names what must be saved (concept HasFields)");
  }
  template <class T>
  void write_standard(const std::vector<T>& values) {
    if constexpr (detail::ArchivedNumber<T>) {
      numbers(values.data(), values.size());
    } else {
      put(ArchiveTag::list);
      put(static_cast<std::uint64_t>(values.size()));
      for (const auto& value : values) write(static_cast<const T&>(value));
    }
  }
  template <class T>
  void write_standard(const std::span<T>& values) {
    numbers(values.data(), values.size());
  }
  template <class T, std::size_t N>
  void write_standard(const std::array<T, N>& values) {
    put(ArchiveTag::list);
    put(std::uint64_t{N});
    for (const T& value : values) write(value);
  }
  template <class T, class U>
  void write_standard(const std::pair<T, U>& values) {
    (*this)(values.first, values.second);
  }
  template <class P>
  void write_standard(const AdapterPair<P>& pair) {
    (*this)(pair.upper, pair.lower);
  }
  template <class T>
  void write_standard(const std::optional<T>& value) {
    put(value ? ArchiveTag::some : ArchiveTag::none);
    if (value) write(*value);
  }
  template <View P>
  void write_standard(const ViewMemory<P>& value) {
    put(value ? ArchiveTag::some : ArchiveTag::none);
    if (value) write(*value);
  }

  template <class T>
  void tensors(const T& value) {
    std::uint64_t count = 0;
    // Many types offer their tensors from a mutable θ only; they are read here.
    T& open = const_cast<T&>(value);
    for_each_tensor(open, [&count](std::uint32_t, auto*, std::size_t) { ++count; });
    put(ArchiveTag::tensors);
    put(count);
    for_each_tensor(open, [this](std::uint32_t, auto* x, std::size_t n) { this->numbers(x, n); });
  }
  template <class T>
  void write_coordinates(const T& value) {
    const auto x = coordinates(value);
    using Number = std::remove_cvref_t<decltype(x[0])>;
    put(ArchiveTag::numbers);
    put(detail::tag_of<Number>());
    put(static_cast<std::uint64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) put(static_cast<Number>(x[i]));
  }
  template <class T>
  void numbers(const T* x, std::size_t n) {
    put(ArchiveTag::numbers);
    put(detail::tag_of<std::remove_const_t<T>>());
    put(static_cast<std::uint64_t>(n));
    append(x, n * sizeof(T));
  }

  template <class T>
  void put(T value) {
    append(&value, sizeof value);
  }
  void append(const void* data, std::size_t size) {
    if (size == 0) return;
    const std::size_t at = bytes_.size();
    bytes_.resize(at + size);
    std::memcpy(bytes_.data() + at, data, size);
  }

  std::vector<std::byte> bytes_;
};

}  // namespace zofo
