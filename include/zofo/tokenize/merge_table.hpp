/// @file Byte-pair merges by rank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

/// Lets string maps be asked with a string_view without a copy.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// A map keyed by strings.
template <class Value>
using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

/// Two tokens that join.
struct Merge {
  std::string left, right;
};

/// Reads lines "left right". Throws Error naming the line that is not two tokens with one blank between.
inline std::vector<Merge> split_merges(const std::vector<std::string>& lines) {
  std::vector<Merge> merges;
  merges.reserve(lines.size());
  for (const std::string& line : lines) {
    const std::size_t blank = line.find(' ');
    require(blank != std::string::npos && line.find(' ', blank + 1) == std::string::npos,
            "merge {} = '{}': must be two tokens with one blank between", merges.size(), line);
    merges.push_back({line.substr(0, blank), line.substr(blank + 1)});
  }
  return merges;
}

/// The pairs of tokens that join, each with its rank (lower joins first).
class MergeTable {
 public:
  /// `merges[rank]` in the vocabulary's spelling; throws Error for an empty part and for a part or a product
  /// without an id.
  MergeTable(const std::vector<Merge>& merges, const StringMap<std::int32_t>& ids) {
    joins_.reserve(merges.size());
    for (std::size_t rank = 0; rank < merges.size(); ++rank) add(merges[rank], rank, ids);
  }

  /// Joins neighbours of `symbols` in place, always the lowest rank and of equal ranks the leftmost (Sennrich
  /// et al. 2016), until no pair has a rank. O(n log n).
  void apply(std::vector<std::int32_t>& symbols) const {
    if (symbols.size() < 2) return;
    Chain chain(symbols);
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) offer(chain, i);
    while (!chain.queue.empty()) {
      const Candidate best = chain.queue.top();
      chain.queue.pop();
      if (!current(chain, best)) continue;
      join(chain, best);
    }
    collect(chain, symbols);
  }

 private:
  struct Join {
    std::uint32_t rank;
    std::int32_t product;
  };

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  static constexpr std::int32_t kGone = -1;

  struct Candidate {
    std::uint32_t rank;
    std::size_t left;
    std::int32_t left_id, right_id, product;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };

  /// Symbols as a doubly linked list, so that a join moves nothing.
  struct Chain {
    explicit Chain(const std::vector<std::int32_t>& symbols)
        : id(symbols), previous(symbols.size()), next(symbols.size()) {
      for (std::size_t i = 0; i < id.size(); ++i) {
        previous[i] = i == 0 ? kNone : i - 1;
        next[i] = i + 1 == id.size() ? kNone : i + 1;
      }
    }
    std::vector<std::int32_t> id;
    std::vector<std::size_t> previous, next;
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  };

  static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }

  void add(const Merge& merge, std::size_t rank, const StringMap<std::int32_t>& ids) {
    const auto id = [&](const std::string& token) {
      const auto found = ids.find(token);
      require(found != ids.end() && !token.empty(), "merge {} = '{} {}': '{}' is not in the vocabulary", rank,
              merge.left, merge.right, token);
      return found->second;
    };
    // The parts come before the product in messages.
    const std::int32_t first = id(merge.left), second = id(merge.right);
    // A pair listed twice keeps its last rank, as in the reference.
    joins_[key(first, second)] = {static_cast<std::uint32_t>(rank), id(merge.left + merge.right)};
  }

  void offer(Chain& chain, std::size_t left) const {
    const std::size_t right = chain.next[left];
    if (right == kNone) return;
    const auto found = joins_.find(key(chain.id[left], chain.id[right]));
    if (found == joins_.end()) return;
    chain.queue.push({found->second.rank, left, chain.id[left], chain.id[right], found->second.product});
  }

  static bool current(const Chain& chain, const Candidate& candidate) {
    const std::size_t right = chain.next[candidate.left];
    return right != kNone && chain.id[candidate.left] == candidate.left_id &&
           chain.id[right] == candidate.right_id;
  }

  void join(Chain& chain, const Candidate& best) const {
    const std::size_t right = chain.next[best.left];
    chain.id[best.left] = best.product;
    chain.id[right] = kGone;
    chain.next[best.left] = chain.next[right];
    if (chain.next[right] != kNone) chain.previous[chain.next[right]] = best.left;
    if (chain.previous[best.left] != kNone) offer(chain, chain.previous[best.left]);
    offer(chain, best.left);
  }

  static void collect(const Chain& chain, std::vector<std::int32_t>& symbols) {
    symbols.clear();
    for (std::size_t i = 0; i != kNone; i = chain.next[i]) symbols.push_back(chain.id[i]);
  }

  std::unordered_map<std::uint64_t, Join> joins_;
};

}  // namespace zofo::tokenize
