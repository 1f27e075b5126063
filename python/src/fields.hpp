/// @file Reads the fields of a policy or of options from a Python dict.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"

namespace zofo::python {

namespace nb = nanobind;

/// Fields by name. Those that are missing or None keep their defaults; those that nothing reads are an error.
class Fields {
 public:
  /// `owner` is for messages: "estimator 'central'".
  Fields(nb::dict values, std::string owner) : values_(std::move(values)), owner_(std::move(owner)) {}

  /// Overwrites `target` if the field is given. Throws Error naming the field for a value of another type.
  template <class T>
  void read(const char* name, T& target) {
    known_.append(known_.empty() ? "" : ", ").append(name);
    names_.emplace_back(name);
    if (!values_.contains(name)) return;
    const nb::object value = values_[name];
    if (!value.is_none()) target = converted<T>(name, value);
  }

  /// Throws Error naming a field that was never read.
  void finish() const {
    for (const auto& [key, value] : values_) {
      const auto name = nb::cast<std::string>(nb::str(key));
      if (value.is_none()) continue;
      bool found = false;
      for (const std::string& each : names_) found = found || each == name;
      require(found, "{}: has no field '{}': its fields are {}", owner_, name,
              known_.empty() ? "none" : known_);
    }
  }

  /// Reads one field and returns it, or `otherwise`.
  template <class T>
  [[nodiscard]] T get(const char* name, T otherwise) {
    read(name, otherwise);
    return otherwise;
  }

 private:
  static std::string shown(nb::handle value) { return nb::cast<std::string>(nb::repr(value)); }

  template <class T>
  T converted(const char* name, nb::handle value) const {
    if constexpr (std::same_as<T, bool>) {
      require(nb::isinstance<nb::bool_>(value), "{} = {}: must be True or False", name, shown(value));
      return nb::cast<bool>(value);
    } else if constexpr (std::unsigned_integral<T>) {
      return whole<T>(name, value);
    } else if constexpr (std::same_as<T, double>) {
      return number(name, value);
    } else if constexpr (std::same_as<T, Schedule>) {
      Schedule* schedule = nullptr;
      if (nb::try_cast(value, schedule) && schedule != nullptr) return *schedule;
      return Schedule(number(name, value));
    } else if constexpr (std::same_as<T, std::optional<std::uint64_t>>) {
      return whole<std::uint64_t>(name, value);
    } else if constexpr (std::same_as<T, std::vector<double>> || std::same_as<T, std::vector<std::size_t>>) {
      T list;
      for (const nb::handle each : value) list.push_back(converted<typename T::value_type>(name, each));
      return list;
    } else {
      T result{};
      require(nb::try_cast(value, result), "{} = {}: is of type {}", name, shown(value),
              nb::cast<std::string>(nb::type_name(value.type())));
      return result;
    }
  }
  double number(const char* name, nb::handle value) const {
    const double result = PyFloat_AsDouble(value.ptr());
    if (PyErr_Occurred() != nullptr) {
      PyErr_Clear();
      fail("{} = {}: must be a number", name, shown(value));
    }
    return result;
  }
  template <std::unsigned_integral T>
  T whole(const char* name, nb::handle value) const {
    const nb::object index = nb::steal(PyNumber_Index(value.ptr()));
    const std::uint64_t result = index.is_valid() ? PyLong_AsUnsignedLongLong(index.ptr()) : std::uint64_t{0};
    const bool wrong = PyErr_Occurred() != nullptr;
    PyErr_Clear();
    require(!wrong && result <= std::numeric_limits<T>::max(), "{} = {}: must be a whole number in [0, {}]",
            name, shown(value), std::numeric_limits<T>::max());
    return static_cast<T>(result);
  }

  nb::dict values_;
  std::string owner_;
  std::string known_;
  std::vector<std::string> names_;
};

}  // namespace zofo::python
