/// @file What an adapter of peft changes of the model's own weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/peft/lora.hpp"

namespace zofo::peft {

/// DoRA's magnitudes of a projection: the norms of the rows of its adapted weight (Liu et al. 2024, eq. 5).
struct DoraMagnitude {
  std::uint32_t layer = 0;                ///< block
  Projection projection = Projection::q;  ///< of the block
  std::vector<float> values;              ///< [out], rows in the order of this library
};

/// A weight that the adapter's file holds in full: the embedding or the head.
struct SavedWeight {
  std::string tensor;     ///< its name in the file, for messages
  std::string module;     ///< name in model::Layout: token_embd or output
  bool separate = false;  ///< a copy of the adapter's own (modules_to_save), also where both share a matrix
  std::size_t rows = 0;   ///< tokens
  std::size_t cols = 0;   ///< entries of a token
  std::vector<float> values = {};  ///< [rows, cols]
};

/// The changes, which model_io's apply_changes puts on θ. LoRA without DoRA has none.
struct BackboneChanges {
  std::string source;                     ///< file, for messages
  std::vector<DoraMagnitude> magnitudes;  ///< one for each adapted projection; none: no DoRA
  std::vector<SavedWeight> weights;       ///< replace those of the model

  /// Whether there are any.
  [[nodiscard]] bool any() const { return !magnitudes.empty() || !weights.empty(); }
  /// Throws Error naming the file, what it changes and how to merge it, if there are any.
  void refuse_any() const {
    if (!any()) return;
    fail(
        "{}: {} the model's own weights, which other adapters and trainings share: make a model of both by "
        "zofo export --model MODEL --adapter FOLDER --merge --out NEW",
        source,
        magnitudes.empty()
            ? fmt::format("holds tensor '{}', which replaces a part of", weights.front().tensor)
            : "use_dora = true rescales");
  }
};

}  // namespace zofo::peft
