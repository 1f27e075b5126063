/// @file The coordinates of smallest magnitude.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "zofo/core/direction.hpp"
#include "zofo/core/error.hpp"
#include "zofo/perturb/tensor_walk.hpp"

namespace zofo {

/// Keeps the `fraction` of each tensor's coordinates that is smallest in magnitude (Liu et al., "Sparse
/// MeZO", 2024): round(fraction n) of n, at least one; of equal magnitudes the earlier coordinates. Memory:
/// one bit per coordinate, shared by copies. θ is read only by the constructor.
class MagnitudeMask {
 public:
  /// The mask of θ's current values. Throws Error when `fraction` is not in (0, 1] or an entry is not a
  /// number.
  template <HasTensors Theta>
  MagnitudeMask(const Theta& theta, double fraction) {
    require(fraction > 0.0 && fraction <= 1.0, "fraction = {}: must be in (0, 1]", fraction);
    auto made = std::make_shared<std::vector<Bits>>();
    list_tensors(theta, [&](std::uint32_t tensor, const auto* x, std::size_t n) {
      if (n == 0) return;
      made->push_back(smallest(tensor, x, n, fraction));
      kept_ += made->back().kept;
    });
    std::ranges::sort(*made, {}, &Bits::tensor);
    tensors_ = std::move(made);
  }

  /// Throws Error unless θ has the tensors that the mask was made for.
  template <HasTensors Theta>
  void check_shape(const Theta& theta) const {
    list_tensors(theta, [this](std::uint32_t tensor, const auto*, std::size_t n) {
      if (n == 0) return;
      const Bits* bits = find(tensor);
      require(bits != nullptr && bits->size == n,
              "MagnitudeMask: tensor {} has {} entries: the mask was made for {}", tensor, n,
              bits == nullptr ? 0 : bits->size);
    });
  }
  /// Sets the entries of z off the mask to zero.
  template <class T>
  void apply(Direction /*direction*/, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
    const Bits* bits = find(tensor);
    if (bits == nullptr) {
      std::fill_n(z, n, T{0});
      return;
    }
    for (std::size_t i = 0; i < n; ++i) z[i] = bits->at(offset + i) ? z[i] : T{0};
  }
  /// Whether coordinate `index` of a tensor is kept.
  [[nodiscard]] bool keeps(std::uint32_t tensor, std::uint64_t index) const {
    const Bits* bits = find(tensor);
    return bits != nullptr && index < bits->size && bits->at(index);
  }
  /// Number of kept coordinates of all tensors.
  [[nodiscard]] std::size_t kept() const { return kept_; }
  /// Number of kept coordinates, which the mask fixes.
  [[nodiscard]] double mean_kept(std::size_t /*d*/) const { return static_cast<double>(kept_); }
  /// The same number: the mask is fixed.
  [[nodiscard]] double mean_kept_given_one(std::size_t /*d*/) const { return static_cast<double>(kept_); }

 private:
  struct Bits {
    std::uint32_t tensor = 0;
    std::size_t size = 0, kept = 0;
    std::vector<std::uint64_t> words;
    [[nodiscard]] bool at(std::uint64_t i) const { return ((words[i / 64] >> (i % 64)) & 1U) != 0; }
  };

  template <class T>
  static Bits smallest(std::uint32_t tensor, const T* x, std::size_t n, double fraction) {
    std::vector<T> magnitudes(n);
    for (std::size_t i = 0; i < n; ++i) {
      magnitudes[i] = std::abs(x[i]);
      require(!std::isnan(x[i]), "MagnitudeMask: entry {} of tensor {} is not a number", i, tensor);
    }
    const auto wanted = static_cast<std::size_t>(std::llround(fraction * static_cast<double>(n)));
    Bits bits{tensor, n, std::clamp<std::size_t>(wanted, 1, n), std::vector<std::uint64_t>((n + 63) / 64)};
    const auto last = magnitudes.begin() + static_cast<std::ptrdiff_t>(bits.kept) - 1;
    std::nth_element(magnitudes.begin(), last, magnitudes.end());
    const T limit = *last;
    auto ties = bits.kept - static_cast<std::size_t>(std::count_if(
                                magnitudes.begin(), last + 1, [limit](T value) { return value < limit; }));
    for (std::size_t i = 0; i < n; ++i) {
      const bool keep = std::abs(x[i]) < limit || (std::abs(x[i]) == limit && ties > 0 && ties-- > 0);
      if (keep) bits.words[i / 64] |= std::uint64_t{1} << (i % 64);
    }
    return bits;
  }

  [[nodiscard]] const Bits* find(std::uint32_t tensor) const {
    const auto found = std::ranges::lower_bound(*tensors_, tensor, {}, &Bits::tensor);
    return found == tensors_->end() || found->tensor != tensor ? nullptr : &*found;
  }

  std::shared_ptr<const std::vector<Bits>> tensors_;
  std::size_t kept_ = 0;
};

}  // namespace zofo
