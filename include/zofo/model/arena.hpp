/// @file Memory for the weights of a model.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include "zofo/core/chunks.hpp"

namespace zofo::model {

/// A fixed number of floats, at first zero. Large arenas cost nothing before they are written: the system
/// then supplies zeroed pages to whichever threads write first.
class Arena {
 public:
  /// `size` zeros. Throws std::bad_alloc.
  explicit Arena(std::size_t size)
      : data_(static_cast<float*>(std::calloc(size, sizeof(float)))), size_(size) {
    if (data_ == nullptr && size > 0) throw std::bad_alloc();
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

  std::unique_ptr<float[], Free> data_;
  std::size_t size_;
};

}  // namespace zofo::model
