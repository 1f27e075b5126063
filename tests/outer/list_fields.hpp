// An archive that lists the numbers of a state's fields(), for comparing states bit by bit.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "zofo/core/memory.hpp"
#include "zofo/core/zo_gradient.hpp"

namespace fields {

class Listing {
 public:
  template <class... T>
  void operator()(T&... values) {
    (add(values), ...);
  }
  std::vector<std::uint64_t> words;

 private:
  template <class T>
  void add(T& value) {
    if constexpr (std::is_floating_point_v<T>)
      words.push_back(std::bit_cast<std::uint64_t>(static_cast<double>(value)));
    else if constexpr (std::is_integral_v<T>)
      words.push_back(static_cast<std::uint64_t>(value));
    else
      value.fields(*this);
  }
  template <class T>
  void add(std::vector<T>& list) {
    words.push_back(list.size());
    for (T& value : list) add(value);
  }
  template <class T>
  void add(std::optional<T>& value) {
    words.push_back(value.has_value() ? 1 : 0);
    if (value) add(*value);
  }
  void add(zofo::Direction& z) { (*this)(z.seed, z.step, z.query); }
};

template <class State>
std::vector<std::uint64_t> listed(State state) {
  Listing listing;
  state.fields(listing);
  return listing.words;
}

}  // namespace fields
