/// @file The device memory of a run, added up before its first step.
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

/// Formats a number of bytes: "512.0 MiB", from 1 GiB on "3.25 GiB".
inline std::string bytes_text(std::size_t bytes) {
  const double mib = static_cast<double>(bytes) / (1024.0 * 1024.0);
  return mib < 1024.0 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.2f} GiB", mib / 1024.0);
}

/// Device memory that a run will use, entry by entry. A run that cannot fit fails before its first step, with
/// a message that names the largest entries.
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

  /// One line per entry in the order of addition, then the sum; names left-aligned, sizes right-aligned.
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

  /// Throws Error unless the sum is at most `free`, of the device's `all` bytes. The message names the
  /// largest entries and what would make them smaller.
  void check(std::size_t free, std::size_t all) const {
    if (total() <= free) return;
    std::vector<Entry> largest = entries_;
    std::ranges::stable_sort(largest, std::ranges::greater(), &Entry::bytes);
    std::string names;
    for (std::size_t i = 0; i < std::min<std::size_t>(largest.size(), 3); ++i)
      names += fmt::format("{}{} {}", i == 0 ? "" : ", ", largest[i].name, bytes_text(largest[i].bytes));
    fail(
        "memory: the run needs {}, but only {} of the device's {} are free. Largest entries: {}. To save "
        "memory, "
        "use fewer or shorter sequences per batch, gradient checkpointing, fewer probes per pass, or bf16 "
        "instead of fp32",
        bytes_text(total()), bytes_text(free), bytes_text(all), names);
  }

 private:
  struct Entry {
    std::string name;
    std::size_t bytes = 0;
  };
  std::vector<Entry> entries_;
};

}  // namespace zofo::tensor
