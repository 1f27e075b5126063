// A user's own vector type: two blocks of doubles, with what the concepts ask for and nothing else.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace own {

struct TwoBlocks {
  using Scalar = double;
  std::vector<double> first, second;
};

template <class X, class Use>
void each(X& x, Use&& use) {
  for (auto& entry : x.first) use(entry);
  for (auto& entry : x.second) use(entry);
}
template <class Use>
void each(const TwoBlocks& x, TwoBlocks& y, Use&& use) {
  for (std::size_t i = 0; i < x.first.size(); ++i) use(x.first[i], y.first[i]);
  for (std::size_t i = 0; i < x.second.size(); ++i) use(x.second[i], y.second[i]);
}

inline void axpy(double a, const TwoBlocks& x, TwoBlocks& y) {
  each(x, y, [a](double from, double& to) { to += a * from; });
}
inline double dot(const TwoBlocks& x, const TwoBlocks& y) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.first.size(); ++i) sum += x.first[i] * y.first[i];
  for (std::size_t i = 0; i < x.second.size(); ++i) sum += x.second[i] * y.second[i];
  return sum;
}
inline double norm(const TwoBlocks& x) { return std::sqrt(dot(x, x)); }
inline void scale(double a, TwoBlocks& x) {
  each(x, [a](double& entry) { entry *= a; });
}
inline void assign(const TwoBlocks& x, TwoBlocks& y) { y = x; }
inline TwoBlocks zeros_like(const TwoBlocks& x) {
  return {std::vector<double>(x.first.size()), std::vector<double>(x.second.size())};
}

// Both blocks as one range, for inner::Adam.
template <class Entry>
struct Joined {
  Entry *first, *second;
  std::size_t split, total;
  std::size_t size() const { return total; }
  Entry& operator[](std::size_t i) const { return i < split ? first[i] : second[i - split]; }
};
template <class X>
auto join(X& x) {
  using Entry = std::remove_reference_t<decltype(x.first[0])>;
  return Joined<Entry>{x.first.data(), x.second.data(), x.first.size(), x.first.size() + x.second.size()};
}
inline auto coordinates(TwoBlocks& x) { return join(x); }
inline auto coordinates(const TwoBlocks& x) { return join(x); }

// For direction distributions and outer optimisers.
template <class F>
void for_each_tensor(TwoBlocks& theta, F&& f) {
  f(std::uint32_t{0}, theta.first.data(), theta.first.size());
  f(std::uint32_t{1}, theta.second.data(), theta.second.size());
}

}  // namespace own
