/// @file A copy of θ's tensors, for sets that are defined by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/perturb/tensor_walk.hpp"

namespace zofo::outer {

/// A copy of θ's tensors, each in its own precision. It fits every type of θ with that shape.
class StoredTensors {
 public:
  StoredTensors() = default;
  /// A copy of θ's tensors.
  template <class Theta>
  explicit StoredTensors(const Theta& theta) {
    list_tensors(theta, [this](std::uint32_t /*tensor*/, const auto* x, std::size_t n) {
      tensors_.emplace_back(std::vector(x, x + n));
    });
  }

  /// Whether there are no tensors.
  [[nodiscard]] bool empty() const { return tensors_.empty(); }
  /// The numbers of tensor `index`. Throws std::bad_variant_access for another precision.
  template <class T>
  [[nodiscard]] const T* data(std::size_t index) const {
    return std::get<std::vector<T>>(tensors_[index]).data();
  }
  /// Throws Error naming `owner` ("ball") and `part` ("centre") when θ has another shape or precision.
  template <class Theta>
  void require_fits(const Theta& theta, const char* owner, const char* part) const {
    std::size_t index = 0;
    list_tensors(theta, [&]<class T>(std::uint32_t /*tensor*/, const T* /*x*/, std::size_t n) {
      const auto* row = index < tensors_.size() ? std::get_if<std::vector<T>>(&tensors_[index]) : nullptr;
      require(row != nullptr && row->size() == n,
              "{}: tensor {} of theta, of {} entries: size or type differs from the {}'s", owner, index, n,
              part);
      ++index;
    });
    require(index == tensors_.size(), "{}: theta has {} tensors, the {} {}", owner, index, part,
            tensors_.size());
  }
  /// Calls f(tensor, index, number) for every number, as a double.
  template <class F>
  void for_each_number(const F& f) const {
    for (std::size_t tensor = 0; tensor < tensors_.size(); ++tensor)
      std::visit(
          [&](const auto& row) {
            for (std::size_t i = 0; i < row.size(); ++i) f(tensor, i, static_cast<double>(row[i]));
          },
          tensors_[tensor]);
  }

 private:
  std::vector<std::variant<std::vector<float>, std::vector<double>>> tensors_;
};

}  // namespace zofo::outer
