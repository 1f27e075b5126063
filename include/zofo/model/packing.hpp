/// @file The rows, positions, adapters and rotary tables of a packed batch.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/config.hpp"
#include "zofo/model/rotary_tables.hpp"
#include "zofo/model/target_modules.hpp"
#include "zofo/peft/adapter.hpp"

namespace zofo::model {

/// Kind of an adapter of a call.
inline peft::Kind kind_of(const peft::Adapters& layouts, const Batch& batch, std::size_t adapter) {
  return batch.kinds.empty() ? layouts.first() : batch.kinds[adapter];
}

/// Positions of a sequence's context that its adapter reserves.
inline std::uint32_t virtual_tokens(const peft::Adapters& layouts, const Batch& batch, std::size_t sequence) {
  const int adapter = batch.adapter[sequence];
  return adapter < 0 ? 0 : layouts.virtual_tokens(kind_of(layouts, batch, static_cast<std::size_t>(adapter)));
}

/// Throws Error unless the model has a layout for the kind of every adapter.
inline void check_kinds(const peft::Adapters& layouts, const Batch& batch, std::size_t adapters) {
  require(batch.kinds.empty() || batch.kinds.size() == adapters,
          "transformer: the batch names the kinds of {} adapters: the call has {}", batch.kinds.size(),
          adapters);
  for (const peft::Kind kind : batch.kinds)
    require(layouts.has(kind), "transformer: an adapter is of kind {}: the model has no such layout",
            peft::name(kind));
}

/// Throws Error unless adapter i of a batch has as many entries as its layout.
inline void check_adapter_size(const peft::Adapters& layouts, const Batch& batch, std::size_t i,
                               std::size_t entries) {
  const std::size_t size = layouts.size(kind_of(layouts, batch, i));
  require(entries == size, "transformer: adapter {}: {} entries: its layout has {}", i, entries, size);
}

/// Throws Error unless the model can compute every sequence, adapter, token and target of the batch.
/// `cached`: cached positions of each sequence, its adapter's included; empty: there is no cache.
inline void check_batch(const Config& config, const peft::Adapters& layouts, const Batch& batch,
                        std::size_t adapters, std::span<const std::uint32_t> cached = {}) {
  require(batch.sequences() > 0, "transformer: the batch is empty: must hold at least one sequence");
  check_kinds(layouts, batch, adapters);
  for (std::size_t i = 0; i < batch.sequences(); ++i) {
    require(batch.adapter[i] >= -1 && batch.adapter[i] < static_cast<int>(adapters),
            "transformer: sequence {}: adapter = {}: must be -1 (none) or below {}", i, batch.adapter[i],
            adapters);
    const std::uint32_t length = batch.cu_seqlens[i + 1] - batch.cu_seqlens[i];
    const std::uint32_t kept = cached.empty() ? 0 : cached[i];
    require(
        kept == 0 || config.rope_scaling.is_long(kept) == config.rope_scaling.is_long(kept + length),
        "transformer: sequence {}: {} cached positions and {} tokens: this model has other rotary positions "
        "in sequences longer than {} tokens, so the cached keys are not valid: shorten the prompt, or "
        "generate fewer tokens",
        i, kept, length, config.rope_scaling.original_context);
    const std::uint32_t reserved = kept > 0 ? kept : virtual_tokens(layouts, batch, i);
    require(length >= 1 && reserved < config.context && length <= config.context - reserved,
            "transformer: sequence {} has {} tokens: must be in [1, {}] (the model's context{})", i, length,
            config.context > reserved ? config.context - reserved : 0,
            kept > 0       ? " less the cached positions"
            : reserved > 0 ? " less the adapter's virtual tokens"
                           : "");
  }
  const auto in_vocabulary = [&](std::int32_t token) {
    return token >= 0 && static_cast<std::uint32_t>(token) < config.vocab;
  };
  for (const std::int32_t token : batch.tokens)
    require(in_vocabulary(token), "transformer: token {}: must be in [0, {})", token, config.vocab);
  for (const Target& t : batch.targets)
    require(t.sequence < batch.sequences() &&
                t.position < batch.cu_seqlens[t.sequence + 1] - batch.cu_seqlens[t.sequence] &&
                in_vocabulary(t.token),
            "transformer: target (sequence {}, position {}, token {}) is outside the batch or the vocabulary",
            t.sequence, t.position, t.token);
}

/// Geometry of the current batch. Its rows are the tokens of all sequences, each with the vectors of its
/// prompt before it. A sequence that follows cached positions has rows only for its tokens: its prefix or
/// prompt is cached.
class Packing {
 public:
  /// Packs a batch that check_batch has accepted.
  void set(const Config& config, const peft::Adapters& layouts, const Batch& batch, std::size_t adapters,
           std::span<const std::uint32_t> cached = {}) {
    number_adapters(layouts, batch, adapters);
    cu_seqlens_.assign(1, 0);
    first_token_rows_.clear();
    positions_.clear();
    ends_.clear();
    tokens_.clear();
    runs_.clear();
    for (auto& list : of_sequence_) list.assign(batch.sequences(), -1);
    std::uint32_t last = 0;
    for (std::size_t i = 0; i < batch.sequences(); ++i) {
      const std::uint32_t before = cached.empty() ? 0 : cached[i];
      last = std::max(last, add(layouts, batch, i, before));
    }
    tables_.grow(config, last);
    place_rotary(config);
  }

  /// Rows of a probe.
  [[nodiscard]] std::size_t tokens() const { return positions_.size(); }
  /// First row of each sequence, its prompt included, then the number of rows.
  [[nodiscard]] std::span<const std::uint32_t> cu_seqlens() const { return cu_seqlens_; }
  /// Row of a sequence's first token.
  [[nodiscard]] std::uint32_t first_token_row(std::size_t sequence) const {
    return first_token_rows_[sequence];
  }
  /// Each row's position; the positions of a prefix precede it.
  [[nodiscard]] std::span<const std::uint32_t> positions() const { return positions_; }
  /// Each row's token; 0 in a prompt's rows.
  [[nodiscard]] std::span<const std::int32_t> row_tokens() const { return tokens_; }
  /// Rows with LoRA.
  [[nodiscard]] std::span<const AdapterRun> runs() const { return runs_; }
  /// For each sequence, the index of its adapter among those of a kind; −1: none of this kind.
  [[nodiscard]] std::span<const std::int32_t> of_sequence(peft::Kind kind) const {
    return of_sequence_[peft::index(kind)];
  }
  /// Whether a sequence has an adapter of this kind.
  [[nodiscard]] bool uses(peft::Kind kind) const {
    return std::ranges::any_of(of_sequence(kind), [](std::int32_t number) { return number >= 0; });
  }
  /// Adapters of a kind.
  [[nodiscard]] std::size_t count(peft::Kind kind) const { return counts_[peft::index(kind)]; }
  /// An adapter's index among those of its kind.
  [[nodiscard]] std::size_t number(std::size_t adapter) const { return numbers_[adapter]; }
  /// An adapter's kind.
  [[nodiscard]] peft::Kind kind(std::size_t adapter) const { return kinds_[adapter]; }
  /// The rotary tables.
  [[nodiscard]] const RotaryTables& rotary() const { return tables_; }
  /// Each row's row of the rotary tables, for layers of LayerRope::global; those of LayerRope::local have the
  /// same rows of their own tables.
  [[nodiscard]] std::span<const std::uint32_t> rotary_rows() const { return rotary_rows_; }

 private:
  void number_adapters(const peft::Adapters& layouts, const Batch& batch, std::size_t adapters) {
    counts_.fill(0);
    numbers_.clear();
    kinds_.clear();
    for (std::size_t a = 0; a < adapters; ++a) {
      kinds_.push_back(kind_of(layouts, batch, a));
      numbers_.push_back(counts_[peft::index(kinds_.back())]++);
    }
  }
  // Appends a sequence's rows; returns one past its last position.
  std::uint32_t add(const peft::Adapters& layouts, const Batch& batch, std::size_t i, std::uint32_t cached) {
    const std::uint32_t length = batch.cu_seqlens[i + 1] - batch.cu_seqlens[i];
    const std::uint32_t reserved = cached > 0 ? cached : virtual_tokens(layouts, batch, i);
    std::uint32_t vectors = 0;
    const std::uint32_t first = cu_seqlens_.back();
    if (batch.adapter[i] >= 0) {
      const auto adapter = static_cast<std::size_t>(batch.adapter[i]);
      const auto number_in_kind = static_cast<int>(numbers_[adapter]);
      if (cached == 0 || kinds_[adapter] == peft::Kind::lora)
        of_sequence_[peft::index(kinds_[adapter])][i] = number_in_kind;
      if (cached == 0 && kinds_[adapter] == peft::Kind::prompt) vectors = reserved;
      if (kinds_[adapter] == peft::Kind::lora) add_run(first, length, number_in_kind);
    }
    for (std::uint32_t t = reserved - vectors; t < reserved + length; ++t) positions_.push_back(t);
    ends_.insert(ends_.end(), std::size_t{vectors} + length, reserved + length);
    tokens_.insert(tokens_.end(), vectors, 0);
    const auto from = batch.tokens.begin() + batch.cu_seqlens[i];
    tokens_.insert(tokens_.end(), from, from + length);
    first_token_rows_.push_back(first + vectors);
    cu_seqlens_.push_back(first + vectors + length);
    return reserved + length;
  }
  void add_run(std::size_t first, std::size_t length, int number_in_kind) {
    if (!runs_.empty() && runs_.back().adapter == number_in_kind &&
        runs_.back().first + runs_.back().count == first)
      runs_.back().count += length;
    else
      runs_.push_back({first, length, number_in_kind});
  }
  void place_rotary(const Config& config) {
    rotary_rows_.clear();
    for (std::size_t i = 0; i < positions_.size(); ++i)
      rotary_rows_.push_back(tables_.row(config, positions_[i], ends_[i]));
  }

  std::vector<std::uint32_t> cu_seqlens_, first_token_rows_, positions_;
  std::vector<std::uint32_t> ends_, rotary_rows_;  // one past the last position of each row's sequence

  std::vector<std::int32_t> tokens_;
  std::vector<AdapterRun> runs_;
  std::array<std::vector<std::int32_t>, peft::kind_names.size()> of_sequence_;
  std::array<std::size_t, peft::kind_names.size()> counts_{};
  std::vector<std::size_t> numbers_;
  std::vector<peft::Kind> kinds_;
  RotaryTables tables_;
};

}  // namespace zofo::model
