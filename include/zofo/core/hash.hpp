/// @file A 64-bit checksum of bytes.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace zofo {

/// XXH64 with seed 0 (Collet's specification of xxHash). It finds damaged and exchanged files, but does not
/// protect against forgery. Bytes are added in pieces; the value does not depend on how they are divided. For
/// little-endian machines.
class Hash64 {
 public:
  /// Adds `size` bytes.
  Hash64& update(const void* data, std::size_t size) {
    const auto* from = static_cast<const unsigned char*>(data);
    if (size == 0) return *this;
    total_ += size;
    while (size > 0 && (held_ > 0 || size < stripe)) {
      const std::size_t n = std::min(stripe - held_, size);
      std::memcpy(held_bytes_.data() + held_, from, n);
      held_ += n;
      from += n;
      size -= n;
      if (held_ < stripe) return *this;
      take(held_bytes_.data());
      held_ = 0;
    }
    for (; size >= stripe; from += stripe, size -= stripe) take(from);
    if (size > 0) std::memcpy(held_bytes_.data(), from, size);
    held_ = size;
    return *this;
  }
  /// Adds the bytes of a string.
  Hash64& update(std::string_view bytes) { return update(bytes.data(), bytes.size()); }
  /// Adds the bytes of the values in memory.
  template <class T>
  Hash64& update(std::span<const T> values) {
    return update(values.data(), values.size_bytes());
  }

  /// The hash of all bytes so far.
  [[nodiscard]] std::uint64_t value() const {
    std::uint64_t h = total_ >= stripe ? merged() : p5;
    h += total_;
    const unsigned char* rest = held_bytes_.data();
    std::size_t left = held_;
    for (; left >= 8; rest += 8, left -= 8)
      h = std::rotl(h ^ mixed(0, read<std::uint64_t>(rest)), 27) * p1 + p4;
    if (left >= 4) {
      h = std::rotl(h ^ (read<std::uint32_t>(rest) * p1), 23) * p2 + p3;
      rest += 4;
      left -= 4;
    }
    for (; left > 0; ++rest, --left) h = std::rotl(h ^ (*rest * p5), 11) * p1;
    h = (h ^ (h >> 33U)) * p2;
    h = (h ^ (h >> 29U)) * p3;
    return h ^ (h >> 32U);
  }

 private:
  static constexpr std::size_t stripe = 32;
  static constexpr std::uint64_t p1 = 0x9E3779B185EBCA87U, p2 = 0xC2B2AE3D27D4EB4FU, p3 = 0x165667B19E3779F9U,
                                 p4 = 0x85EBCA77C2B2AE63U, p5 = 0x27D4EB2F165667C5U;

  template <class T>
  static std::uint64_t read(const unsigned char* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  static std::uint64_t mixed(std::uint64_t lane, std::uint64_t word) {
    return std::rotl(lane + word * p2, 31) * p1;
  }
  void take(const unsigned char* from) {
    for (std::size_t i = 0; i < 4; ++i) lanes_[i] = mixed(lanes_[i], read<std::uint64_t>(from + 8 * i));
  }
  [[nodiscard]] std::uint64_t merged() const {
    std::uint64_t h = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
                      std::rotl(lanes_[3], 18);
    for (const std::uint64_t lane : lanes_) h = (h ^ mixed(0, lane)) * p1 + p4;
    return h;
  }

  std::array<std::uint64_t, 4> lanes_{p1 + p2, p2, 0, 0 - p1};
  std::array<unsigned char, stripe> held_bytes_{};
  std::size_t held_ = 0;
  std::uint64_t total_ = 0;
};

/// A hash as 16 hexadecimal digits, for messages and JSON.
inline std::string hash_text(std::uint64_t value) { return fmt::format("{:016x}", value); }

}  // namespace zofo
