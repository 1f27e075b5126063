/// @file Members of θ's shape in the states of outer optimisers.
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

/// Numbers of θ's shape: one row per tensor, in the tensor's precision, float or double.
class Moments {
 public:
  /// The numbers of one tensor; the vector of the other precision is empty.
  struct Row {
    std::vector<float> single;  ///< of a tensor of float
    std::vector<double> wide;   ///< of a tensor of double
    /// Number of entries.
    [[nodiscard]] std::size_t size() const { return single.size() + wide.size(); }
    /// The vector of precision T.
    template <std::floating_point T>
    [[nodiscard]] std::vector<T>& as() {
      static_assert(std::same_as<T, float> || std::same_as<T, double>);
      if constexpr (std::same_as<T, float>)
        return single;
      else
        return wide;
    }
    /// The vector of precision T.
    template <std::floating_point T>
    [[nodiscard]] const std::vector<T>& as() const {
      static_assert(std::same_as<T, float> || std::same_as<T, double>);
      if constexpr (std::same_as<T, float>)
        return single;
      else
        return wide;
    }
    /// The members that are saved.
    template <class Archive>
    void fields(Archive& archive) {
      archive(single, wide);
    }
  };

  /// Zeros of θ's shape.
  template <HasTensors Theta>
  [[nodiscard]] static Moments zeros(const Theta& theta) {
    Moments fresh;
    list_tensors(theta, [&fresh]<class T>(std::uint32_t /*tensor*/, const T* /*data*/, std::size_t n) {
      fresh.rows_.emplace_back().template as<T>().resize(n);
    });
    return fresh;
  }

  /// Whether there are no rows yet.
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// Number of rows.
  [[nodiscard]] std::size_t tensors() const { return rows_.size(); }
  /// Row `index` in precision T; empty if the tensor has the other precision.
  template <std::floating_point T>
  [[nodiscard]] std::vector<T>& row(std::size_t index) {
    return rows_[index].as<T>();
  }
  /// Row `index` in precision T; empty if the tensor has the other precision.
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
      const std::size_t entries = index < rows_.size() ? rows_[index].size() : 0;
      require(n == entries,
              "outer: tensor {} of theta has {} entries, the optimiser's state {}: must be as many", index, n,
              entries);
      require(rows_[index].as<T>().size() == n,
              "outer: tensor {} of theta and the optimiser's state differ in precision", index);
      ++index;
    });
    require(index == rows_.size(), "outer: theta has {} tensors, the optimiser's state {}: must be as many",
            index, rows_.size());
  }
  /// The members that are saved.
  template <class Archive>
  void fields(Archive& archive) {
    archive(rows_);
  }

 private:
  std::vector<Row> rows_;
};

/// Makes `moments` zeros of θ's shape if it is empty. Throws Error, without a change, when its shape or
/// precision is not θ's.
template <HasTensors Theta>
void moments_like(const Theta& theta, Moments& moments) {
  moments.check_fits(theta);
  if (moments.empty()) moments = Moments::zeros(theta);
}

}  // namespace zofo::outer
