/// @file Key/value cache: keys and values of the positions that were computed before, so that a decode step
/// computes one token per sequence.
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

/// Size of a cache.
struct CacheCapacity {
  std::size_t sequences = 0;  ///< slots: each holds one sequence
  std::size_t positions = 0;  ///< per slot, those that an adapter reserves included

  /// Entries of all keys and values. Throws Error naming the field that is zero, beyond the context or beyond
  /// the address space.
  [[nodiscard]] std::size_t entries(const Config& c) const {
    require(sequences >= 1, "key/value cache: sequences = 0: must be at least 1");
    require(positions >= 1 && positions <= c.context,
            "key/value cache: positions = {}: must be in [1, {}] (the model's context)", positions,
            c.context);
    const std::size_t of_sequence = 2 * std::size_t{c.layers} * positions * c.key_width();
    require(sequences <= std::numeric_limits<std::size_t>::max() / 16 / of_sequence,
            "key/value cache: sequences = {}: more entries than the address space holds", sequences);
    return sequences * of_sequence;
  }
};

/// A call's view of a cache. Cached lengths are all 0 (prefill: whole sequences) or all positive (decode
/// step: each sequence is one token that follows its cached positions).
template <class T>
struct CachedCall {
  tensor::CacheView<T> cache;              ///< keys and values
  std::span<const std::uint32_t> slots;    ///< of each sequence of the batch
  std::span<const std::uint32_t> lengths;  ///< cached positions of each sequence

  /// Whether the call has a cache.
  [[nodiscard]] bool exists() const { return cache.exists(); }
  /// Whether the call is a decode step.
  [[nodiscard]] bool decodes() const { return exists() && lengths.front() > 0; }
  /// Positions of the longest sequence after a decode step.
  [[nodiscard]] std::size_t longest() const {
    return exists() ? std::size_t{*std::ranges::max_element(lengths)} + 1 : 0;
  }
};

/// Owns the keys and values of several sequences in a backend's memory, allocated at once. The cache records
/// how many positions each slot holds; a transformer writes and reads them. Row p of a slot is position p, so
/// keys of a prefix or a prompt are rows like others. Move-only; must not outlive the backend's device.
template <class Backend>
class KvCache {
 public:
  using Scalar = typename Backend::Scalar;  ///< type of an entry

  /// Allocates the cache. Throws Error if the capacity is out of range or memory is short.
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
  /// Slots and positions per slot.
  [[nodiscard]] CacheCapacity capacity() const { return capacity_; }
  /// Cached positions of a slot.
  [[nodiscard]] std::size_t length(std::size_t slot) const { return lengths_.at(slot); }
  /// Frees a slot for another sequence.
  void clear(std::size_t slot) { lengths_.at(slot) = 0; }

  /// Writes the number of cached positions of each sequence's slot to `lengths`. Throws Error unless there is
  /// one slot per sequence, each exists and none occurs twice.
  void lengths(const Config& config, const Batch& batch, std::span<const std::uint32_t> slots,
               std::vector<std::uint32_t>& lengths) const {
    require(config == config_, "key/value cache: it was made for a model of another shape");
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
  /// The view of a call on a batch that check_batch has accepted; reserved(i): positions that the adapter of
  /// sequence i reserves; lengths: from lengths(). Throws Error unless each slot is large enough, and either
  /// all are empty (prefill) or each sequence is one token (decode step).
  template <class Reserved>
  CachedCall<Scalar> call(const Batch& batch, std::span<const std::uint32_t> slots, Reserved&& reserved,
                          std::span<const std::uint32_t> lengths) const {
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const std::size_t length = batch.cu_seqlens[i + 1] - batch.cu_seqlens[i];
      require(
          (lengths[i] > 0) == (lengths[0] > 0) && (lengths[i] == 0 || length == 1),
          "key/value cache: slot {} holds {} positions and its sequence has {} tokens: a call is either a "
          "prefill of empty slots or a decode step of one token per slot",
          slots[i], lengths[i], length);
      const std::size_t after = length + (lengths[i] > 0 ? lengths[i] : reserved(i));
      require(after <= capacity_.positions,
              "key/value cache: slot {} holds at most {} positions: the sequence needs {}", slots[i],
              capacity_.positions, after);
    }
    return {view_, slots, lengths};
  }
  /// Records that the positions of a call are cached.
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
