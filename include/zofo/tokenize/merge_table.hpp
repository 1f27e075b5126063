/// @file Byte-pair merges by rank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace zofo::tokenize {

/// A hash of strings that accepts a string_view without a copy.
struct StringHash {
  /// Enables lookups by other types than the key's.
  using is_transparent = void;
  /// The hash of `text`.
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// A map keyed by strings, searchable by string_view.
template <class Value>
using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

/// Two tokens that are merged into one.
struct Merge {
  std::string left;   ///< the first token, in the vocabulary's spelling
  std::string right;  ///< the second token, in the vocabulary's spelling
};

/// Parses lines "left right". Throws Error naming the line that is not two tokens separated by one space.
std::vector<Merge> split_merges(const std::vector<std::string>& lines);

/// The pairs of tokens that are merged, each with its rank (the lower rank is merged first).
class MergeTable {
 public:
  /// `merges[rank]` in the vocabulary's spelling. Throws Error for an empty part, and for a part or a product
  /// without an id.
  MergeTable(const std::vector<Merge>& merges, const StringMap<std::int32_t>& ids);

  /// Merges neighbours of `symbols` in place, always the pair of lowest rank and of equal ranks the leftmost
  /// (Sennrich et al. 2016), until no pair has a rank. O(n log n).
  void apply(std::vector<std::int32_t>& symbols) const;

 private:
  struct Join {
    std::uint32_t rank;
    std::int32_t product;
  };
  struct Candidate;
  struct Chain;

  void add(const Merge& merge, std::size_t rank, const StringMap<std::int32_t>& ids);
  void offer(Chain& chain, std::size_t left) const;
  void join(Chain& chain, const Candidate& best) const;

  std::unordered_map<std::uint64_t, Join> joins_;
};

}  // namespace zofo::tokenize
