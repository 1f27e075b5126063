/// @file Policies' states as part of a saved state, by the fields that they name.
#pragma once

#include <Eigen/Core>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/bilevel/single_level.hpp"
#include "zofo/checkpoint/run_state.hpp"
#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/zo_gradient.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::llm {

/// A type that names what of it must be saved: `fields(archive)` calls archive(members...).
template <class T, class Archive>
concept HasFields = requires(T& x, Archive& archive) {
  x.fields(archive);
};

/// Collects values in their order: numbers in a list (doubles keep their bits, what is not finite becomes
/// NaN), vectors of the device on the host, named by their order.
template <class Device>
class StateWriter {
 public:
  using Vector = typename Device::Backend::Vector;

  /// `name` heads the names of all that is written.
  StateWriter(Device& device, std::string name, checkpoint::RunState& out)
      : device_(device), name_(std::move(name)), out_(out) {
    out_.json()[name_] = nlohmann::json::array();
  }

  template <class... Ts>
  void operator()(Ts&... values) {
    (write(values), ...);
  }

 private:
  void number(nlohmann::json value) { out_.json()[name_].push_back(std::move(value)); }
  template <class T>
  requires std::is_arithmetic_v<T>
  void write(const T& x) { number(x); }
  template <class T>
  void write(const std::vector<T>& list) {
    number(list.size());
    for (const T& x : list) write(x);
  }
  template <class T>
  void write(std::vector<T>& list) requires HasFields<T, StateWriter> {
    number(list.size());
    for (T& x : list) write(x);
  }
  template <class T>
  void write(const std::optional<T>& x) {
    number(x.has_value());
    if (x) write(*x);
  }
  void write(const Vector& x) { out_.vectors[fmt::format("{}.{}", name_, vectors_++)] = device_.host(x); }
  void write(const Eigen::VectorXf& x) requires(!std::same_as<Vector, Eigen::VectorXf>) {
    out_.vectors[fmt::format("{}.{}", name_, vectors_++)] = x;
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
  void write(T& x) { x.fields(*this); }

  Device& device_;
  std::string name_;
  checkpoint::RunState& out_;
  std::size_t vectors_ = 0;
};

/// Reads what StateWriter wrote, in the same order. Throws Error naming what is missing, of another kind or,
/// of vectors, of another size than `size`.
template <class Device>
class StateReader {
 public:
  using Vector = typename Device::Backend::Vector;

  StateReader(Device& device, std::string name, const checkpoint::RunState& in, std::size_t size)
      : device_(device), name_(std::move(name)), in_(in), size_(size) {
    const auto found = in_.json().find(name_);
    require(found != in_.json().end() && found->is_array(), "saved state: {}: must be a list", name_);
    numbers_ = &*found;
  }

  template <class... Ts>
  void operator()(Ts&... values) {
    (read(values), ...);
  }
  /// Throws Error unless all was read.
  void finish() const {
    require(next_ == numbers_->size(), "saved state: {}: {} numbers: must be {}", name_, numbers_->size(),
            next_);
  }

 private:
  const nlohmann::json& number() {
    require(next_ < numbers_->size(), "saved state: {}: {} numbers: must be more", name_, numbers_->size());
    return (*numbers_)[next_++];
  }
  [[noreturn]] void refuse(const char* wanted) const {
    fail("saved state: {}: entry {} = {}: must be {}", name_, next_ - 1, parse::shown((*numbers_)[next_ - 1]),
         wanted);
  }
  void read(bool& x) {
    const nlohmann::json& value = number();
    if (!value.is_boolean()) refuse("true or false");
    x = value.get<bool>();
  }
  template <std::floating_point T>
  void read(T& x) {
    const nlohmann::json& value = number();
    if (!value.is_number() && !value.is_null()) refuse("a number");
    x = value.is_null() ? std::numeric_limits<T>::quiet_NaN() : value.get<T>();
  }
  template <std::unsigned_integral T>
  void read(T& x) {
    const nlohmann::json& value = number();
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<T>::max())
      refuse("a whole number");
    x = value.get<T>();
  }
  template <class T>
  void read(std::vector<T>& list) {
    std::uint64_t count = 0;
    read(count);
    if (count > numbers_->size()) refuse("at most the numbers of the state");
    list.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
      list.push_back(blank<T>());
      read(list.back());
    }
  }
  template <class T>
  void read(std::optional<T>& x) {
    bool there = false;
    read(there);
    x.reset();
    if (there) {
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
  const Eigen::VectorXf& vector() {
    const std::string name = fmt::format("{}.{}", name_, vectors_++);
    const Eigen::VectorXf* const found = in_.vector(name);
    require(found != nullptr && static_cast<std::size_t>(found->size()) == size_,
            "saved state: vector '{}': must have {} numbers", name, size_);
    return *found;
  }
  void read(Vector& x) { x = device_.vector(vector()); }
  void read(Eigen::VectorXf& x) requires(!std::same_as<Vector, Eigen::VectorXf>) { x = vector(); }
  void read(NoAdapter& /*x*/) {}
  template <class P>
  void read(AdapterPair<P>& pair) {
    (*this)(pair.upper, pair.lower);
  }
  void read(Direction& d) { (*this)(d.seed, d.step, d.query); }
  void read(Probe& p) { (*this)(p.direction, p.scale); }
  template <class T>
  requires HasFields<T, StateReader>
  void read(T& x) { x.fields(*this); }

  Device& device_;
  std::string name_;
  const checkpoint::RunState& in_;
  const nlohmann::json* numbers_ = nullptr;
  std::size_t size_, next_ = 0, vectors_ = 0;
};

/// Writes values under one name.
template <class Device, class... Ts>
void save_values(Device& device, const std::string& name, checkpoint::RunState& out, Ts&... values) {
  StateWriter<Device> writer(device, name, out);
  writer(values...);
}
/// Reads them back; vectors have `size` numbers. Throws Error naming what does not fit.
template <class Device, class... Ts>
void load_values(Device& device, const std::string& name, const checkpoint::RunState& in, std::size_t size,
                 Ts&... values) {
  StateReader<Device> reader(device, name, in, size);
  reader(values...);
  reader.finish();
}

}  // namespace zofo::llm
