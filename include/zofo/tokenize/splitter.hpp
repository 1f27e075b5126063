/// @file Splits a normalized text into words (`pre_tokenizer` of `tokenizer.json`).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "zofo/tokenize/pattern.hpp"

namespace zofo::tokenize {

/// What a split does with the matches, by the names of `tokenizer.json`.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Splits at matches, or with `invert` at the stretches between them.
struct Split {
  Pattern pattern;                                   ///< finds the matches
  SplitBehavior behavior = SplitBehavior::isolated;  ///< what is done with them
  bool invert = false;                               ///< stretches between matches count as matches
};

/// Which texts get the symbol for a space as a prefix: all, the first one, or none.
enum class PrefixScheme { always, first, never };

/// Spells spaces by a visible symbol, and with `split` cuts before every symbol.
struct Metaspace {
  std::string symbol = "\u2581";               ///< replaces each space
  PrefixScheme prefix = PrefixScheme::always;  ///< texts that get the symbol as a prefix
  bool split = true;                           ///< cuts before every symbol
};

/// Puts a space before a text that does not start with one.
struct SpacePrefix {};

/// Cuts before every symbol that follows something else. The reference has no such step: where no merge
/// crosses the cut it does not change the ids, and shorter words can be cached.
struct SymbolCut {
  std::string symbol;  ///< spells a space
};

/// A list of steps; each splits the pieces of the one before, as independent texts.
class Splitter {
 public:
  /// One step.
  using Step = std::variant<Split, Metaspace, SpacePrefix, SymbolCut>;

  Splitter() = default;
  /// Applies `steps` in order.
  explicit Splitter(std::vector<Step> steps) : steps_(std::move(steps)) {}

  /// Calls visit(std::string_view) with each word in order. `text` must be valid UTF-8; `first` states
  /// whether it starts the text that was given to the tokenizer.
  template <class Visit>
  void for_each_word(std::string_view text, bool first, Visit&& visit) const {
    if (!text.empty()) walk(text, first, 0, visit);
  }

 private:
  struct Stretch {
    std::size_t begin, end;
    bool match;
  };

  template <class Visit>
  void walk(std::string_view text, bool first, std::size_t level, Visit& visit) const {
    if (level == steps_.size()) return void(visit(text));
    const auto onward = [&](std::string_view piece) {
      if (!piece.empty()) walk(piece, first && piece.data() == text.data(), level + 1, visit);
    };
    std::visit([&](const auto& step) { cut(step, text, first, onward); }, steps_[level]);
  }

  template <class Onward>
  static void cut(const Split& step, std::string_view text, bool, const Onward& onward) {
    if (step.behavior == SplitBehavior::isolated)
      return step.pattern.pieces(text, step.pattern.match().get(), onward);
    for (const Stretch& s : stretches(step, text)) onward(text.substr(s.begin, s.end - s.begin));
  }

  template <class Onward>
  static void cut(const Metaspace& step, std::string_view text, bool first, const Onward& onward) {
    const std::string spelled = spell_spaces(step, text, first);
    step.split ? cut_before(step.symbol, spelled, false, onward) : onward(spelled);
  }

  template <class Onward>
  static void cut(const SpacePrefix&, std::string_view text, bool, const Onward& onward) {
    text.starts_with(' ') ? onward(text) : onward(std::string(" ").append(text));
  }

  template <class Onward>
  static void cut(const SymbolCut& step, std::string_view text, bool, const Onward& onward) {
    cut_before(step.symbol, text, true, onward);
  }

  template <class Onward>
  static void cut_before(std::string_view symbol, std::string_view text, bool keep_runs,
                         const Onward& onward) {
    std::size_t begin = 0;
    for (std::size_t at = text.find(symbol); at != std::string_view::npos;
         at = text.find(symbol, at + symbol.size())) {
      const bool in_run =
          keep_runs && at >= symbol.size() && text.substr(at - symbol.size(), symbol.size()) == symbol;
      if (at == begin || in_run) continue;
      onward(text.substr(begin, at - begin));
      begin = at;
    }
    onward(text.substr(begin));
  }

  static std::vector<Stretch> stretches(const Split& step, std::string_view text);
  static std::string spell_spaces(const Metaspace& step, std::string_view text, bool first);

  std::vector<Step> steps_;
};

}  // namespace zofo::tokenize
