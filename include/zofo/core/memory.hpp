/// @file What a state keeps of the shape of θ or of an adapter.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "zofo/core/vector_space.hpp"

namespace zofo {

/// A std::optional for views (concept View): owns the numbers that its view shows, so that copies are deep.
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
  /// A copy of the numbers that x shows.
  ViewMemory& operator=(const P& x) {
    emplace(x);
    return *this;
  }
  ~ViewMemory() = default;

  /// A copy of the numbers that x shows; allocates when the size changes only.
  P& emplace(const P& x) {
    copy_numbers(x, owned_);
    return show(true);
  }
  /// These numbers, as zeros_like gives them.
  P& emplace(Owned<P> x) {
    owned_ = std::move(x);
    return show(true);
  }
  /// No numbers: a view of size 0.
  P& emplace() { return emplace(Owned<P>()); }
  void reset() { view_.reset(); }
  void swap(ViewMemory& other) noexcept {
    const bool here = has_value(), there = other.has_value();
    std::swap(owned_, other.owned_);
    show(there);
    other.show(here);
  }

  [[nodiscard]] bool has_value() const { return view_.has_value(); }
  [[nodiscard]] explicit operator bool() const { return has_value(); }
  [[nodiscard]] P& operator*() { return *view_; }
  [[nodiscard]] const P& operator*() const { return *view_; }
  [[nodiscard]] P* operator->() { return &*view_; }
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

/// What a state keeps of P's shape, empty before the first use: std::optional<P> for a P that owns its
/// numbers, a deep copy with the same members for a view of somebody else's.
template <class P>
using Memory = typename detail::MemoryOf<P>::Type;

/// to ← a copy of `from`: by assignment, by a deep copy of a view, or by `from.clone()` where copies must be
/// asked for.
template <class P>
void remember(const P& from, Memory<P>& to) {
  if constexpr (View<P> || std::is_copy_assignable_v<P>)
    to = from;
  else
    to.emplace(from.clone());
}

/// to ← what `from` holds, leaving `from` unspecified: by a move where P owns its numbers, number by number
/// where it is a view.
template <class P>
void bring_back(Memory<P>& from, P& to) {
  if constexpr (View<P>)
    assign(*from, to);
  else
    to = std::move(*from);
}

}  // namespace zofo
