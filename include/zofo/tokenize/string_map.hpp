/// @file A map keyed by short strings, for the millions of lookups of a tokenizer.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

namespace detail {

/// Mixes all bits of a number into its upper ones.
inline std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ x >> 32U) * 0xD6E8FEB86659FD93U;
  return (x ^ x >> 32U) * 0xD6E8FEB86659FD93U;
}

/// A number at an address of any alignment.
template <class T>
std::uint64_t number_at(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// A hash of a string; few instructions for the short ones.
inline std::uint64_t hash_of(std::string_view text) {
  const std::size_t n = text.size();
  const char* const data = text.data();
  if (n >= 8) {
    std::uint64_t hash = n;
    for (std::size_t i = 0; i + 8 < n; i += 8) hash = mixed(hash ^ number_at<std::uint64_t>(data + i));
    return mixed(hash ^ number_at<std::uint64_t>(data + n - 8));
  }
  std::uint64_t low = 0, high = 0;
  if (n >= 4) {
    low = number_at<std::uint32_t>(data);
    high = number_at<std::uint32_t>(data + n - 4);
  } else if (n > 0) {
    low = number_at<std::uint8_t>(data) | number_at<std::uint8_t>(data + n / 2) << 8U;
    high = number_at<std::uint8_t>(data + n - 1);
  }
  return mixed(low | (high << 32U) | (static_cast<std::uint64_t>(n) << 61U));
}

}  // namespace detail

/// Strings, each with a value. Open addressing: the strings are in one piece of memory and the slots in
/// another, so that a lookup touches two places.
template <class Value>
class StringMap {
 public:
  /// The value of a string, null if it has none; valid until the next add() or clear().
  [[nodiscard]] const Value* find(std::string_view text) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[place(text, detail::hash_of(text))];
    return slot.end == 0 ? nullptr : &slot.value;
  }

  /// Whether a string has a value.
  [[nodiscard]] bool contains(std::string_view text) const { return find(text) != nullptr; }

  /// Gives a string a value unless it has one. Returns its value and whether it is new. Throws Error when all
  /// strings together have 4 GiB.
  std::pair<const Value*, bool> add(std::string_view text, Value value) {
    if (2 * (size_ + 1) > slots_.size()) resize(std::max<std::size_t>(16, 2 * slots_.size()));
    const std::uint64_t hash = detail::hash_of(text);
    Slot& slot = slots_[place(text, hash)];
    if (slot.end != 0) return {&slot.value, false};
    const std::size_t begin = bytes_.size(), end = begin + text.size();
    require(end < std::numeric_limits<std::uint32_t>::max(), "strings of {} bytes: must be below 4 GiB", end);
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    slot = {static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(begin),
            static_cast<std::uint32_t>(end) + 1, std::move(value)};
    ++size_;
    return {&slot.value, true};
  }

  /// Takes the memory for `count` strings at once.
  void reserve(std::size_t count) {
    if (2 * count > slots_.size()) resize(std::bit_ceil(2 * count));
  }

  /// Removes all strings and keeps the memory.
  void clear() {
    std::ranges::fill(slots_, Slot{});
    bytes_.clear();
    size_ = 0;
  }

  /// Number of strings.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  // One more than the string's end, so that 0 marks a free slot.
  struct Slot {
    std::uint32_t hash = 0, begin = 0, end = 0;
    Value value{};
  };

  // The slot that has the string, or the free one where it would be.
  [[nodiscard]] std::size_t place(std::string_view text, std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = static_cast<std::size_t>(hash >> 32U) & mask;
    for (; slots_[at].end != 0; at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.hash == static_cast<std::uint32_t>(hash) && text_of(slot) == text) break;
    }
    return at;
  }
  [[nodiscard]] std::string_view text_of(const Slot& slot) const {
    return {bytes_.data() + slot.begin, slot.end - 1 - slot.begin};
  }
  void resize(std::size_t count) {
    std::vector<Slot> old(count);
    old.swap(slots_);
    for (Slot& slot : old)
      if (slot.end != 0) slots_[place(text_of(slot), detail::hash_of(text_of(slot)))] = std::move(slot);
  }

  std::vector<Slot> slots_;  // none or a power of two, at most half of them taken
  std::vector<char> bytes_;
  std::size_t size_ = 0;
};

}  // namespace zofo::tokenize
