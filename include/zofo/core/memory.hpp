/// @file Members of states with the shape of θ or of an adapter.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "zofo/core/vector_space.hpp"

namespace zofo {

/// A std::optional for views (concept View) that owns the numbers of its view, so that copies are deep.
template <View P>
class ViewMemory {
 public:
  ViewMemory() = default;
  ViewMemory(const ViewMemory& other) : owned_(other.owned_) { show(other.has_value()); }
  ViewMemory(ViewMemory&& other) noexcept { swap(other); }
  ViewMemory& operator=(const ViewMemory& other) {
    if (this == &other) return *this;
    owned_ = other.owned_;
    show(other.has_value());
    return *this;
  }
  ViewMemory& operator=(ViewMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  /// Copies the numbers that x refers to.
  ViewMemory& operator=(const P& x) {
    emplace(x);
    return *this;
  }
  ~ViewMemory() = default;

  /// Copies the numbers that x refers to; allocates only when the size changes.
  P& emplace(const P& x) {
    copy_numbers(x, owned_);
    return show(true);
  }
  /// Takes these numbers, which zeros_like may have made.
  P& emplace(Owned<P> x) {
    owned_ = std::move(x);
    return show(true);
  }
  /// Holds a view of size 0.
  P& emplace() { return emplace(Owned<P>()); }
  /// Holds no value.
  void reset() { view_.reset(); }
  /// Exchanges the values of both.
  void swap(ViewMemory& other) noexcept {
    const bool mine = has_value(), others = other.has_value();
    std::swap(owned_, other.owned_);
    show(others);
    other.show(mine);
  }

  /// Whether it holds a value.
  [[nodiscard]] bool has_value() const { return view_.has_value(); }
  /// Whether it holds a value.
  [[nodiscard]] explicit operator bool() const { return has_value(); }
  /// The view of the numbers; it must hold a value.
  [[nodiscard]] P& operator*() { return *view_; }
  /// The view of the numbers; it must hold a value.
  [[nodiscard]] const P& operator*() const { return *view_; }
  /// The view of the numbers; it must hold a value.
  [[nodiscard]] P* operator->() { return &*view_; }
  /// The view of the numbers; it must hold a value.
  [[nodiscard]] const P* operator->() const { return &*view_; }

 private:
  P& show(bool valid) {
    view_.reset();
    if (valid) view_.emplace(view_of<P>(owned_));
    return *view_;
  }

  Owned<P> owned_;
  std::optional<P> view_;
};

namespace detail {

template <class P>
struct MemoryOf {
  using Type = std::optional<P>;
};
template <View P>
struct MemoryOf<P> {
  using Type = ViewMemory<P>;
};

}  // namespace detail

/// A member of a state with P's shape, empty before the first use: std::optional<P> if P owns its numbers,
/// else (a view) ViewMemory<P>, which has the same members and copies the numbers.
template <class P>
using Memory = typename detail::MemoryOf<P>::Type;

/// to ← a copy of `from`: by assignment, by a deep copy of a view, or by `from.clone()` where P has no copy
/// assignment.
template <class P>
void remember(const P& from, Memory<P>& to) {
  if constexpr (View<P> || std::is_copy_assignable_v<P>)
    to = from;
  else
    to.emplace(from.clone());
}

/// to ← the value of `from`, which is unspecified afterwards: by a move if P owns its numbers, number by
/// number if it is a view.
template <class P>
void bring_back(Memory<P>& from, P& to) {
  if constexpr (View<P>)
    assign(*from, to);
  else
    to = std::move(*from);
}

}  // namespace zofo
