/// @file Saves and loads the states of policies as parts of a saved state, by their fields() functions.
#pragma once

#include <Eigen/Core>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/bilevel/single_level.hpp"
#include "zofo/checkpoint/run_state.hpp"
#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/zo_gradient.hpp"

namespace zofo::llm {

/// A type that lists the members to save: `fields(archive)` calls archive(members...).
template <class T, class Archive>
concept HasFields = requires(T& x, Archive& archive) { x.fields(archive); };

/// Writes numbers to a named list of a saved state: the part of StateWriter that does not depend on a
/// device.
class StateNumberWriter {
 public:
  /// Starts an empty list `name` in `out`.
  StateNumberWriter(std::string name, checkpoint::RunState& out);

 protected:
  /// Appends a truth value.
  void number(bool x);
  /// Appends a number without loss of bits; a number that is not finite is read back as NaN.
  void number(double x);
  /// Appends an integer.
  void number(std::int64_t x);
  /// Appends an integer that is not negative.
  void number(std::uint64_t x);
  /// Appends a vector, whose name is that of the list and the vector's position.
  void vector(Eigen::VectorXf x);

 private:
  std::string name_;
  checkpoint::RunState& out_;
  std::size_t vectors_ = 0;
};

/// Writes values in their order: numbers to a list; vectors, downloaded from the device, under names with
/// their position.
template <class Device>
class StateWriter : private StateNumberWriter {
 public:
  /// A vector on the device.
  using Vector = typename Device::Backend::Vector;

  /// `name` is the name of the list, and the first part of the vectors' names.
  StateWriter(Device& device, std::string name, checkpoint::RunState& out)
      : StateNumberWriter(std::move(name), out), device_(device) {}

  /// Writes the values.
  template <class... Ts>
  void operator()(Ts&... values) {
    (write(values), ...);
  }

 private:
  template <class T>
    requires std::is_arithmetic_v<T>
  void write(const T& x) {
    if constexpr (std::same_as<T, bool>)
      number(x);
    else if constexpr (std::floating_point<T>)
      number(static_cast<double>(x));
    else if constexpr (std::unsigned_integral<T>)
      number(static_cast<std::uint64_t>(x));
    else
      number(static_cast<std::int64_t>(x));
  }
  template <class T>
  void write(const std::vector<T>& list) {
    number(std::uint64_t{list.size()});
    for (const T& x : list) write(x);
  }
  template <class T>
  void write(std::vector<T>& list)
    requires HasFields<T, StateWriter>
  {
    number(std::uint64_t{list.size()});
    for (T& x : list) write(x);
  }
  template <class T>
  void write(const std::optional<T>& x) {
    number(x.has_value());
    if (x) write(*x);
  }
  void write(const Vector& x) { vector(device_.host(x)); }
  void write(const Eigen::VectorXf& x)
    requires(!std::same_as<Vector, Eigen::VectorXf>)
  {
    vector(x);
  }
  void write(const NoAdapter& /*x*/) {}
  template <class P>
  void write(const AdapterPair<P>& pair) {
    (*this)(pair.upper, pair.lower);
  }
  void write(const Direction& d) { (*this)(d.seed, d.step, d.query); }
  void write(const Probe& p) { (*this)(p.direction, p.scale); }
  template <class T>
    requires HasFields<T, StateWriter>
  void write(T& x) {
    x.fields(*this);
  }

  Device& device_;
};

/// Reads numbers from a named list of a saved state: the part of StateReader that does not depend on a
/// device.
class StateNumberReader {
 public:
  /// `size` is the size of every vector. Throws Error if the list does not exist.
  StateNumberReader(std::string name, const checkpoint::RunState& in, std::size_t size);
  /// Throws Error unless all numbers were read.
  void finish() const;

 protected:
  /// The next number, a truth value. Throws Error naming its position if it is missing or of another type.
  bool boolean();
  /// The next number; NaN for null. Throws Error as boolean() does.
  double floating();
  /// The next number, an integer in [0, largest]. Throws Error as boolean() does.
  std::uint64_t whole(std::uint64_t largest);
  /// The size of a list whose numbers follow.
  std::uint64_t count();
  /// The next vector. Throws Error naming it if it is missing or of another size.
  const Eigen::VectorXf& vector();

 private:
  const nlohmann::json& number();
  [[noreturn]] void refuse(const char* wanted) const;

  std::string name_;
  const checkpoint::RunState& in_;
  const nlohmann::json* numbers_ = nullptr;
  std::size_t size_, next_ = 0, vectors_ = 0;
};

/// Reads the values of StateWriter in the same order. Throws Error naming a value that is missing or of
/// another type, and a vector of another size.
template <class Device>
class StateReader : private StateNumberReader {
 public:
  /// A vector on the device.
  using Vector = typename Device::Backend::Vector;

  /// Reads the list `name` and its vectors, each of `size` numbers. Throws Error if the list does not exist.
  StateReader(Device& device, std::string name, const checkpoint::RunState& in, std::size_t size)
      : StateNumberReader(std::move(name), in, size), device_(device) {}
  using StateNumberReader::finish;

  /// Reads the values.
  template <class... Ts>
  void operator()(Ts&... values) {
    (read(values), ...);
  }

 private:
  void read(bool& x) { x = boolean(); }
  template <std::floating_point T>
  void read(T& x) {
    x = static_cast<T>(floating());
  }
  template <std::unsigned_integral T>
  void read(T& x) {
    x = static_cast<T>(whole(std::numeric_limits<T>::max()));
  }
  template <class T>
  void read(std::vector<T>& list) {
    list.clear();
    for (std::uint64_t left = count(); left > 0; --left) {
      list.push_back(blank<T>());
      read(list.back());
    }
  }
  template <class T>
  void read(std::optional<T>& x) {
    x.reset();
    if (boolean()) {
      T value = blank<T>();
      read(value);
      x.emplace(std::move(value));
    }
  }
  template <class T>
  T blank() const {
    if constexpr (std::same_as<T, Vector>)
      return device_.vector(Eigen::VectorXf());
    else if constexpr (std::same_as<T, AdapterPair<Vector>>)
      return {device_.vector(Eigen::VectorXf()), device_.vector(Eigen::VectorXf())};
    else
      return T{};
  }
  void read(Vector& x) { x = device_.vector(vector()); }
  void read(Eigen::VectorXf& x)
    requires(!std::same_as<Vector, Eigen::VectorXf>)
  {
    x = vector();
  }
  void read(NoAdapter& /*x*/) {}
  template <class P>
  void read(AdapterPair<P>& pair) {
    (*this)(pair.upper, pair.lower);
  }
  void read(Direction& d) { (*this)(d.seed, d.step, d.query); }
  void read(Probe& p) { (*this)(p.direction, p.scale); }
  template <class T>
    requires HasFields<T, StateReader>
  void read(T& x) {
    x.fields(*this);
  }

  Device& device_;
};

/// Writes values under one name.
template <class Device, class... Ts>
void save_values(Device& device, const std::string& name, checkpoint::RunState& out, Ts&... values) {
  StateWriter<Device> writer(device, name, out);
  writer(values...);
}
/// Reads the values of a name; vectors have `size` numbers. Throws Error naming a value that does not match.
template <class Device, class... Ts>
void load_values(Device& device, const std::string& name, const checkpoint::RunState& in, std::size_t size,
                 Ts&... values) {
  StateReader<Device> reader(device, name, in, size);
  reader(values...);
  reader.finish();
}

}  // namespace zofo::llm
