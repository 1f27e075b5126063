/// @file The modules of a model under Hugging Face's names, and which of them a config of peft adapts.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "name_pattern.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft::detail {

/// A module that a config can name.
struct NamedModule {
  std::string name;         ///< model.layers.0.self_attn.q_proj
  std::uint32_t layer = 0;  ///< block of a projection
  std::vector<Projection>
      projections;     ///< whose matrices it holds, one below the other; none: outside the blocks
  std::string outer;   ///< name in model::Layout of a module outside the blocks
  bool linear = true;  ///< a linear layer: all but embeddings and norms
};

/// The modules of a model of this shape, but for norms of blocks.
std::vector<NamedModule> named_modules(const ModelShape& shape);

/// The rules of `target_modules`, `exclude_modules`, `layers_to_transform`, `layers_pattern` and
/// `modules_to_save` for a module's name, as peft applies them to the names of the whole model.
class TargetRules {
 public:
  /// Throws Error naming file and field where one has another form.
  explicit TargetRules(const checkpoint::JsonFields& file);

  /// Whether the config adapts the module.
  [[nodiscard]] bool adapts(const NamedModule& module) const;
  /// Whether the adapter has the module's own copy of the weights.
  [[nodiscard]] bool saves(const NamedModule& module) const;

 private:
  // A list of names or ends of names, or one pattern of whole names.
  struct Names {
    std::set<std::string, std::less<>> list;
    std::optional<NamePattern> pattern;
  };
  static Names read_names(const checkpoint::JsonFields& file, const char* field);
  static bool has(const Names& names, std::string_view name);
  void read_layers(const checkpoint::JsonFields& file);
  [[nodiscard]] bool in_layers(std::string_view name) const;

  Names targets_, excluded_;
  bool all_linear_ = false;
  std::vector<std::string> saved_;           // ends of names
  std::vector<NamePattern> saved_patterns_;  // of modules that are therefore no targets
  std::optional<std::set<std::uint64_t>> layers_;
  std::vector<NamePattern> layer_patterns_;
};

/// `rank_pattern` or `alpha_pattern`: numbers of modules whose names end in a match of a key; the first key
/// that matches counts.
class PatternNumbers {
 public:
  /// `document` has the keys in the file's order. Throws Error naming field and key.
  PatternNumbers(const checkpoint::JsonFields& file, const nlohmann::ordered_json& document,
                 const char* field);
  /// The number of a module; none: that of all others.
  [[nodiscard]] std::optional<double> of(std::string_view name) const;

 private:
  struct Entry {
    std::string literal;                 // letters, digits, _ and - match themselves, a dot any character
    std::optional<NamePattern> pattern;  // where the key has other characters
    double number = 0.0;
  };
  std::vector<Entry> entries_;
};

}  // namespace zofo::peft::detail
