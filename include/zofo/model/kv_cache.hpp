/// @file Keys and values of the positions that sequences have read, so that a further token costs one token.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/config.hpp"
#include "zofo/tensor/cache_view.hpp"

namespace zofo::model {

/// What a cache has room for.
struct CacheCapacity {
  std::size_t sequences = 0;  ///< held at once, each in a slot of its own
  std::size_t positions = 0;  ///< of each; those that its adapter takes count

  /// Entries of all keys and values. Throws Error naming what is zero or beyond the context or the memory's
  /// addresses.
  [[nodiscard]] std::size_t entries(const Config& c) const {
    require(sequences >= 1, "key/value cache: sequences = 0: must be at least 1");
    require(positions >= 1 && positions <= c.context,
            "key/value cache: positions = {}: must be in [1, {}] (the model's context)", positions,
            c.context);
    const std::size_t of_sequence = 2 * std::size_t{c.layers} * positions * c.key_width();
    require(sequences <= std::numeric_limits<std::size_t>::max() / 16 / of_sequence,
            "key/value cache: sequences = {}: more than there are addresses", sequences);
    return sequences * of_sequence;
  }
};

/// A call's view of a cache: the slot of each sequence of its batch, and the positions that are there
/// already, all zero (the batch is read whole) or none (each sequence is one token that follows them).
template <class T>
struct CachedCall {
  tensor::CacheView<T> cache;
  std::span<const std::uint32_t> slots;
  std::span<const std::uint32_t> lengths;

  [[nodiscard]] bool exists() const { return cache.exists(); }
  /// Tokens follow what the cache holds.
  [[nodiscard]] bool steps() const { return exists() && lengths.front() > 0; }
  /// Positions of the longest sequence once the call is done; of one that steps.
  [[nodiscard]] std::size_t longest() const {
    return exists() ? std::size_t{*std::ranges::max_element(lengths)} + 1 : 0;
  }
};

/// Owns the keys and values of a few sequences in a backend's memory, all of it taken at once. Which
/// positions a slot holds is known here; a transformer writes and reads them. Row p of a slot is position p,
/// so a prefix's keys and a prompt's are rows like others. Moves; must not outlive the backend's device.
template <class Backend>
class KvCache {
 public:
  using Scalar = typename Backend::Scalar;

  /// Throws Error if the extent is out of range or the memory too small.
  KvCache(Backend& backend, const Config& config, CacheCapacity capacity)
      : config_(config), capacity_(capacity) {
    const std::size_t entries = capacity.entries(config);
    const std::size_t row = capacity.positions * config.key_width();
    view_ = {backend.view(memory_, entries / row, row).data, capacity.sequences, capacity.positions,
             config.kv_heads, config.head_dim};
    lengths_.assign(capacity.sequences, 0);
  }

  /// Bytes of keys and values.
  [[nodiscard]] static std::size_t bytes(const Config& config, CacheCapacity capacity) {
    return capacity.entries(config) * sizeof(Scalar);
  }
  [[nodiscard]] CacheCapacity capacity() const { return capacity_; }
  /// Positions that a slot holds.
  [[nodiscard]] std::size_t length(std::size_t slot) const { return lengths_.at(slot); }
  /// Frees a slot for another sequence.
  void clear(std::size_t slot) { lengths_.at(slot) = 0; }

  /// Writes what the slots of a batch's sequences hold to `past`. Throws Error unless each slot exists and is
  /// named once.
  void lengths(const Config& config, const Batch& batch, std::span<const std::uint32_t> slots,
               std::vector<std::uint32_t>& lengths) const {
    require(config == config_, "key/value cache: it is that of a model of another shape");
    require(slots.size() == batch.sequences(), "key/value cache: {} slots for {} sequences", slots.size(),
            batch.sequences());
    lengths.clear();
    for (const std::uint32_t slot : slots) {
      require(slot < capacity_.sequences, "key/value cache: slot {}: must be below {}", slot,
              capacity_.sequences);
      require(std::ranges::count(slots, slot) == 1, "key/value cache: slot {} is named twice", slot);
      lengths.push_back(lengths_[slot]);
    }
  }
  /// The view of a call on a batch that check_batch has passed; `taken(i)`: positions that the sequence's
  /// adapter takes. Throws Error unless each slot has room, and either all are empty or each sequence is one
  /// token.
  template <class Reserved>
  CachedCall<Scalar> call(const Batch& batch, std::span<const std::uint32_t> slots, Reserved&& reserved,
                          std::span<const std::uint32_t> lengths) const {
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const std::size_t length = batch.cu_seqlens[i + 1] - batch.cu_seqlens[i];
      require((lengths[i] > 0) == (lengths[0] > 0) && (lengths[i] == 0 || length == 1),
              "key/value cache: slot {} holds {} positions and its sequence has {} tokens: a call reads new "
              "sequences whole, or one token after each that is there",
              slots[i], lengths[i], length);
      const std::size_t after = length + (lengths[i] > 0 ? lengths[i] : reserved(i));
      require(after <= capacity_.positions,
              "key/value cache: slot {} has room for {} positions: {} are needed", slots[i],
              capacity_.positions, after);
    }
    return {view_, slots, lengths};
  }
  /// Says that the positions of a call are there.
  template <class Reserved>
  void commit(const Batch& batch, std::span<const std::uint32_t> slots, Reserved&& reserved) {
    for (std::size_t i = 0; i < slots.size(); ++i) {
      std::uint32_t& length = lengths_[slots[i]];
      if (length == 0) length = reserved(i);
      length += batch.cu_seqlens[i + 1] - batch.cu_seqlens[i];
    }
  }

 private:
  Config config_;
  CacheCapacity capacity_;
  typename Backend::Buffer memory_;
  tensor::CacheView<Scalar> view_;
  std::vector<std::uint32_t> lengths_;
};

}  // namespace zofo::model
