/// @file The adapters that the sequences of a pass use.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "zofo/model/batch.hpp"

namespace zofo::llm {

/// The adapters of a pass, each once: a pass copies all that it is given. Borrows them.
template <class Vector>
class PassAdapters {
 public:
  /// The index of an adapter in the pass of `batch`, to which a new one is added; −1 for null. `kind`: of its
  /// layout; none: the transformer's first, for all adapters of the pass.
  int index(model::Batch& batch, const Vector* adapter, std::optional<peft::Kind> kind) {
    if (adapter == nullptr) return -1;
    const auto found = std::ranges::find(used_, adapter);
    if (found != used_.end()) return static_cast<int>(found - used_.begin());
    used_.push_back(adapter);
    if (kind) batch.kinds.push_back(*kind);
    return static_cast<int>(used_.size()) - 1;
  }
  /// Forgets all, for the next pass.
  void clear() { used_.clear(); }
  /// All, in the order of their indices.
  [[nodiscard]] std::span<const Vector* const> all() const { return used_; }

 private:
  std::vector<const Vector*> used_;
};

}  // namespace zofo::llm
