/// @file Memory for the weights of a model.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include "zofo/core/chunks.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace zofo::model {

/// A fixed number of floats, at first zero. Large arenas cost nothing before they are written: the system
/// then supplies zeroed pages, large ones where it has them, to whichever threads write first.
class Arena {
 public:
  /// `size` zeros. Throws std::bad_alloc.
  explicit Arena(std::size_t size)
      : data_(static_cast<float*>(std::calloc(size, sizeof(float)))), size_(size) {
    if (data_ == nullptr && size > 0) throw std::bad_alloc();
    ask_for_large_pages();
  }
  Arena(const Arena& other) : Arena(other.size_) {
    for_each_chunk(size_, std::size_t{1} << 20U, [&](std::size_t first, std::size_t count) {
      std::copy_n(other.data() + first, count, data() + first);
    });
  }
  Arena(Arena&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  Arena& operator=(Arena&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  Arena& operator=(const Arena&) = delete;
  ~Arena() = default;

  ///@{
  /// All floats.
  [[nodiscard]] std::span<float> values() { return {data(), size_}; }
  [[nodiscard]] std::span<const float> values() const { return {data(), size_}; }
  ///@}
  ///@{
  /// The first float.
  [[nodiscard]] float* data() { return data_.get(); }
  [[nodiscard]] const float* data() const { return data_.get(); }
  ///@}

 private:
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };

  // The default page has 4 KiB, so that a large model has half a million of them.
  void ask_for_large_pages() {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    constexpr std::uintptr_t page = std::uintptr_t{1} << 21U;
    const auto begin = reinterpret_cast<std::uintptr_t>(data()), end = begin + size_ * sizeof(float);
    const std::uintptr_t first = (begin + page - 1) / page * page, last = end / page * page;
    // A system without such pages refuses, which changes the speed only.
    if (first < last) (void)::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
  }

  std::unique_ptr<float[], Free> data_;
  std::size_t size_;
};

}  // namespace zofo::model
