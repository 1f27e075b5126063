/// @file Memory of θ's shape for outer optimisers.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/perturb/tensor_walk.hpp"

namespace zofo::outer {

/// One row a tensor of θ, in the tensor's own precision: float for tensors of float, double for double.
class Moments {
 public:
  /// A row of one of both precisions; the other stays empty.
  struct Row {
    std::vector<float> single;
    std::vector<double> wide;
    [[nodiscard]] std::size_t size() const { return single.size() + wide.size(); }
    template <std::floating_point T>
    [[nodiscard]] std::vector<T>& as() {
      static_assert(std::same_as<T, float> || std::same_as<T, double>);
      if constexpr (std::same_as<T, float>)
        return single;
      else
        return wide;
    }
    template <std::floating_point T>
    [[nodiscard]] const std::vector<T>& as() const {
      static_assert(std::same_as<T, float> || std::same_as<T, double>);
      if constexpr (std::same_as<T, float>)
        return single;
      else
        return wide;
    }
    /// What a saved state holds.
    template <class Archive>
    void fields(Archive& archive) {
      archive(single, wide);
    }
  };

  /// Zero rows of θ's shape.
  template <HasTensors Theta>
  [[nodiscard]] static Moments zeros(const Theta& theta) {
    Moments fresh;
    list_tensors(theta, [&fresh]<class T>(std::uint32_t /*tensor*/, const T* /*data*/, std::size_t n) {
      fresh.rows_.emplace_back().template as<T>().resize(n);
    });
    return fresh;
  }

  /// No θ was seen yet.
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::size_t tensors() const { return rows_.size(); }
  /// Row `index` as numbers of T; empty where the tensor is of the other precision.
  template <std::floating_point T>
  [[nodiscard]] std::vector<T>& row(std::size_t index) {
    return rows_[index].as<T>();
  }
  template <std::floating_point T>
  [[nodiscard]] const std::vector<T>& row(std::size_t index) const {
    return rows_[index].as<T>();
  }

  /// Throws Error unless there are no rows yet, or rows of θ's shape and precision.
  template <HasTensors Theta>
  void check_fits(const Theta& theta) const {
    if (empty()) return;
    std::size_t index = 0;
    list_tensors(theta, [&]<class T>(std::uint32_t /*tensor*/, const T* /*data*/, std::size_t n) {
      const std::size_t held = index < rows_.size() ? rows_[index].size() : 0;
      require(n == held,
              "outer: tensor {} of theta has {} entries, the optimiser's state {}: must be as many", index, n,
              held);
      require(rows_[index].as<T>().size() == n,
              "outer: tensor {} of theta and the optimiser's state differ in precision", index);
      ++index;
    });
    require(index == rows_.size(), "outer: theta has {} tensors, the optimiser's state {}: must be as many",
            index, rows_.size());
  }
  /// What a saved state holds.
  template <class Archive>
  void fields(Archive& archive) {
    archive(rows_);
  }

 private:
  std::vector<Row> rows_;
};

/// Makes zero rows of θ's shape where there are none. Throws Error, nothing changed, when the rows are those
/// of a θ of another shape or precision.
template <HasTensors Theta>
void moments_like(const Theta& theta, Moments& moments) {
  moments.check_fits(theta);
  if (moments.empty()) moments = Moments::zeros(theta);
}

}  // namespace zofo::outer
