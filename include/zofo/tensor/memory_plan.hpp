/// @file The memory of a run, added up before its first step.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::tensor {

/// A number of bytes in words: "512.0 MiB", "3.25 GiB" from 1 GiB on.
inline std::string bytes_text(std::size_t bytes) {
  const double mib = static_cast<double>(bytes) / (1024.0 * 1024.0);
  return mib < 1024.0 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.2f} GiB", mib / 1024.0);
}

/// What a run will hold in a device's memory, entry by entry, so that one that cannot fit fails before its
/// first step and says why.
class MemoryPlan {
 public:
  /// Adds `bytes` to the entry of this name.
  void add(std::string_view name, std::size_t bytes) {
    const auto entry = std::ranges::find(entries_, name, &Entry::name);
    if (entry == entries_.end())
      entries_.push_back({std::string(name), bytes});
    else
      entry->bytes += bytes;
  }

  /// Bytes of all entries.
  [[nodiscard]] std::size_t total() const {
    std::size_t sum = 0;
    for (const Entry& entry : entries_) sum += entry.bytes;
    return sum;
  }

  /// One line an entry in the order of their adding, then the sum; names left, sizes right.
  [[nodiscard]] std::string table() const {
    constexpr std::string_view sum = "total";
    std::size_t width = sum.size();
    for (const Entry& entry : entries_) width = std::max(width, entry.name.size());
    std::string text;
    const auto line = [&](std::string_view name, std::size_t bytes) {
      text += fmt::format("{:<{}}  {:>11}\n", name, width, bytes_text(bytes));
    };
    for (const Entry& entry : entries_) line(entry.name, entry.bytes);
    line(sum, total());
    return text;
  }

  /// Throws Error unless everything fits into `free` of the device's `all` bytes; names the largest entries
  /// and what would make them smaller.
  void check(std::size_t free, std::size_t all) const {
    if (total() <= free) return;
    std::vector<Entry> largest = entries_;
    std::ranges::stable_sort(largest, std::ranges::greater(), &Entry::bytes);
    std::string names;
    for (std::size_t i = 0; i < std::min<std::size_t>(largest.size(), 3); ++i)
      names += fmt::format("{}{} {}", i == 0 ? "" : ", ", largest[i].name, bytes_text(largest[i].bytes));
    fail(
        "memory: the run needs {}, of the device's {} {} are free. Largest: {}. Smaller: fewer sequences in "
        "a "
        "batch or shorter ones, activations recomputed instead of kept, fewer probes in a pass, bf16 instead "
        "of fp32",
        bytes_text(total()), bytes_text(all), bytes_text(free), names);
  }

 private:
  struct Entry {
    std::string name;
    std::size_t bytes = 0;
  };
  std::vector<Entry> entries_;
};

}  // namespace zofo::tensor
