/// @file Cuts a normalized text into words (`pre_tokenizer` of `tokenizer.json`).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "zofo/tokenize/pattern.hpp"

namespace zofo::tokenize {

/// What becomes of the matches of a split.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Cuts at matches, or with `invert` at what lies between them.
struct Split {
  Pattern pattern;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;
};

/// Which texts get the sign for a blank put before them.
enum class PrefixScheme { always, first, never };

/// Spells blanks by a visible sign, and with `split` cuts before every sign.
struct Metaspace {
  std::string sign = "\u2581";
  PrefixScheme prefix = PrefixScheme::always;
  bool split = true;
};

/// Puts a blank before a text that has none there.
struct BlankPrefix {};

/// Cuts before every sign that follows something else; what merges cannot cross may be cut without a change
/// in the ids, and short words can be remembered.
struct SignCut {
  std::string sign;
};

/// A list of steps; each works on the pieces that the one before it made, as texts of their own.
class Splitter {
 public:
  using Step = std::variant<Split, Metaspace, BlankPrefix, SignCut>;

  Splitter() = default;
  explicit Splitter(std::vector<Step> steps) : steps_(std::move(steps)) {}

  /// Calls visit(std::string_view) with each word in order; `first` says whether `text` (valid UTF-8) starts
  /// what was given to the tokenizer.
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
    const Pattern::Match scratch = step.pattern.match();
    if (step.behavior == SplitBehavior::isolated) return step.pattern.pieces(text, scratch.get(), onward);
    std::vector<Stretch> stretches;
    step.pattern.stretches(text, scratch.get(), [&](std::string_view piece, bool match) {
      const auto begin = static_cast<std::size_t>(piece.data() - text.data());
      stretches.push_back({begin, begin + piece.size(), match != step.invert});
    });
    for (const Stretch& s : joined(stretches, step.behavior)) onward(text.substr(s.begin, s.end - s.begin));
  }

  static std::vector<Stretch> joined(const std::vector<Stretch>& stretches, SplitBehavior behavior) {
    std::vector<Stretch> result;
    for (std::size_t i = 0; i < stretches.size(); ++i) {
      const Stretch& s = stretches[i];
      const bool before = i > 0 && stretches[i - 1].match;  // of two matches in a row only one is merged
      bool join = false;
      if (behavior == SplitBehavior::removed && s.match) continue;
      if (behavior == SplitBehavior::contiguous) join = i > 0 && before == s.match;
      if (behavior == SplitBehavior::merged_with_previous) join = i > 0 && s.match && !before;
      if (behavior == SplitBehavior::merged_with_next) join = i > 0 && before && !s.match;
      join ? void(result.back().end = s.end) : result.push_back(s);
    }
    return result;
  }

  template <class Onward>
  static void cut(const Metaspace& step, std::string_view text, bool first, const Onward& onward) {
    std::string spelled;
    spelled.reserve(text.size() + 3 * step.sign.size());
    for (const char c : text) c == ' ' ? spelled += step.sign : spelled += c;
    const bool wanted = step.prefix == PrefixScheme::always || (step.prefix == PrefixScheme::first && first);
    if (wanted && !spelled.starts_with(step.sign)) spelled.insert(0, step.sign);
    step.split ? cut_before(step.sign, spelled, false, onward) : onward(spelled);
  }

  template <class Onward>
  static void cut(const BlankPrefix&, std::string_view text, bool, const Onward& onward) {
    text.starts_with(' ') ? onward(text) : onward(std::string(" ").append(text));
  }

  template <class Onward>
  static void cut(const SignCut& step, std::string_view text, bool, const Onward& onward) {
    cut_before(step.sign, text, true, onward);
  }

  template <class Onward>
  static void cut_before(std::string_view sign, std::string_view text, bool keep_runs, const Onward& onward) {
    std::size_t begin = 0;
    for (std::size_t at = text.find(sign); at != std::string_view::npos;
         at = text.find(sign, at + sign.size())) {
      const bool in_run =
          keep_runs && at >= sign.size() && text.substr(at - sign.size(), sign.size()) == sign;
      if (at == begin || in_run) continue;
      onward(text.substr(begin, at - begin));
      begin = at;
    }
    onward(text.substr(begin));
  }

  std::vector<Step> steps_;
};

}  // namespace zofo::tokenize
