/// @file Many tasks' adapters and moments: those in use in memory, the others on disk.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/bilevel/inner_round.hpp"
#include "zofo/bilevel/joint_tasks.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/run/packed_pair.hpp"
#include "zofo/run/run_directory.hpp"

namespace zofo::llm {

template <class Device, class Vector>
PackedPair pack_pair(Device& device, const AdapterPair<Vector>& pair,
                     const InnerStates<inner::Adam, Vector>& states) {
  const auto host = [&](const std::optional<Vector>& x) { return x ? device.host(*x) : Eigen::VectorXf(); };
  return {states.lower.steps,
          states.upper.steps,
          {device.host(pair.p), device.host(pair.s), host(states.lower.first), host(states.lower.second),
           host(states.upper.first), host(states.upper.second)}};
}
template <class Device, class Vector>
void unpack_pair(Device& device, const PackedPair& packed, AdapterPair<Vector>& pair,
                 InnerStates<inner::Adam, Vector>& states) {
  const auto moment = [&](const Eigen::VectorXf& x) {
    return x.size() == 0 ? std::optional<Vector>() : std::optional<Vector>(device.vector(x));
  };
  pair.p = device.vector(packed.vectors[0]);
  pair.s = device.vector(packed.vectors[1]);
  states = {};
  states.lower.steps = packed.lower_steps;
  states.upper.steps = packed.upper_steps;
  states.lower.first = moment(packed.vectors[2]);
  states.lower.second = moment(packed.vectors[3]);
  states.upper.first = moment(packed.vectors[4]);
  states.upper.second = moment(packed.vectors[5]);
}

/// Keeps at most `in_memory` tasks' adapters in memory (0: all); the others lie in files of a folder, bit for
/// bit. A task's adapters are made when it first needs them. Borrows the device.
template <class Device>
class AdapterStore {
 public:
  using Vector = typename Device::Backend::Vector;
  using Pairs = std::vector<AdapterPair<Vector>>;
  using States = std::vector<InnerStates<inner::Adam, Vector>>;

  /// `initial`: where every adapter starts.
  AdapterStore(Device& device, std::filesystem::path folder, std::size_t in_memory, std::size_t tasks,
               Eigen::VectorXf initial)
      : device_(device),
        folder_(std::move(folder)),
        in_memory_(in_memory),
        initial_(std::move(initial)),
        places_(tasks, Place::nowhere),
        used_(tasks, 0) {}
  AdapterStore(const AdapterStore&) = delete;
  AdapterStore& operator=(const AdapterStore&) = delete;
  ~AdapterStore() {
    std::error_code ignored;
    if (spilled_) std::filesystem::remove_all(folder_, ignored);
  }

  /// Pairs for all tasks, with nothing in them.
  [[nodiscard]] Pairs empty_pairs() const {
    Pairs pairs;
    for (std::size_t task = 0; task < places_.size(); ++task) pairs.push_back(empty_pair());
    return pairs;
  }
  /// Brings the adapters of `wanted` into memory and, where they would be too many, sends those used longest
  /// ago to disk. Throws Error when the disk refuses.
  void bring(std::span<const std::size_t> wanted, Pairs& pairs, States& states) {
    ++now_;
    for (const std::size_t task : wanted) used_[task] = now_;
    if (in_memory_ > 0) send_away(wanted.size(), pairs, states);
    for (const std::size_t task : wanted)
      if (places_[task] != Place::memory) put(task, packed(task, pairs, states), pairs, states);
  }
  /// Gives a task's adapters other values.
  void put(std::size_t task, const PackedPair& packed, Pairs& pairs, States& states) {
    unpack_pair(device_, packed, pairs[task], states[task]);
    places_[task] = Place::memory;
  }
  /// Back to the start, moments too.
  void reset(Pairs& pairs, States& states) {
    for (std::size_t task = 0; task < places_.size(); ++task) {
      places_[task] = Place::nowhere;
      pairs[task] = empty_pair();
      states[task] = {};
    }
  }
  /// A task's adapters wherever they are.
  [[nodiscard]] PackedPair packed(std::size_t task, const Pairs& pairs, const States& states) const {
    if (places_[task] == Place::disk) return read(task);
    if (places_[task] == Place::memory) return pack_pair(device_, pairs[task], states[task]);
    return {0, 0, {initial_, initial_}};
  }
  /// False while a task's adapters are at their start.
  [[nodiscard]] bool begun(std::size_t task) const { return places_[task] != Place::nowhere; }
  /// Tasks whose adapters are in memory.
  [[nodiscard]] std::size_t held() const {
    return static_cast<std::size_t>(std::ranges::count(places_, Place::memory));
  }

 private:
  enum class Place : std::uint8_t { nowhere, memory, disk };

  [[nodiscard]] AdapterPair<Vector> empty_pair() const {
    return {device_.vector(Eigen::VectorXf()), device_.vector(Eigen::VectorXf())};
  }
  [[nodiscard]] std::filesystem::path file(std::size_t task) const {
    return folder_ / fmt::format("{}.bin", task);
  }
  // Room is made for all that the step wants, which may be more than `in_memory` allows.
  void send_away(std::size_t wanted, Pairs& pairs, States& states) {
    std::vector<std::size_t> idle;
    for (std::size_t task = 0; task < places_.size(); ++task)
      if (places_[task] == Place::memory && used_[task] != now_) idle.push_back(task);
    std::ranges::stable_sort(idle, {}, [&](std::size_t task) { return used_[task]; });
    const std::size_t room = in_memory_ > wanted ? in_memory_ - wanted : 0;
    for (std::size_t i = 0; i + room < idle.size(); ++i) save(idle[i], pairs[idle[i]], states[idle[i]]);
  }
  void save(std::size_t task, AdapterPair<Vector>& pair, InnerStates<inner::Adam, Vector>& state) {
    const PackedPair packed = pack_pair(device_, pair, state);
    std::string bytes;
    const auto append = [&](const void* from, std::size_t size) {
      bytes.append(static_cast<const char*>(from), size);
    };
    append(&packed.lower_steps, sizeof packed.lower_steps);
    append(&packed.upper_steps, sizeof packed.upper_steps);
    for (const Eigen::VectorXf& x : packed.vectors) {
      const auto count = static_cast<std::uint64_t>(x.size());
      append(&count, sizeof count);
      append(x.data(), count * sizeof(float));
    }
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    require(!error, "{}: cannot be made: {}", folder_.string(), error.message());
    spilled_ = true;
    write_atomically(file(task), bytes);
    places_[task] = Place::disk;
    pair = empty_pair();
    state = {};
  }
  [[nodiscard]] PackedPair read(std::size_t task) const {
    const std::string bytes = parse::read_file(file(task));
    std::string_view rest = bytes;
    const auto take = [&](void* to, std::size_t size) {
      require(size <= rest.size(), "{}: the file is cut short", file(task).string());
      if (size > 0) std::memcpy(to, rest.data(), size);
      rest.remove_prefix(size);
    };
    PackedPair packed;
    take(&packed.lower_steps, sizeof packed.lower_steps);
    take(&packed.upper_steps, sizeof packed.upper_steps);
    for (Eigen::VectorXf& x : packed.vectors) {
      std::uint64_t count = 0;
      take(&count, sizeof count);
      require(count <= rest.size() / sizeof(float), "{}: the file is cut short", file(task).string());
      x.resize(static_cast<Eigen::Index>(count));
      take(x.data(), count * sizeof(float));
    }
    require(rest.empty(), "{}: {} bytes too many", file(task).string(), rest.size());
    return packed;
  }

  Device& device_;
  std::filesystem::path folder_;
  std::size_t in_memory_;
  Eigen::VectorXf initial_;
  std::vector<Place> places_;
  std::vector<std::uint64_t> used_;  ///< the call of bring that last wanted a task
  std::uint64_t now_ = 0;
  bool spilled_ = false;
};

}  // namespace zofo::llm
