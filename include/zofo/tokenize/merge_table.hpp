/// @file Byte-pair merges by rank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "zofo/tokenize/string_map.hpp"

namespace zofo::tokenize {

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
  static constexpr std::uint64_t no_pair = ~std::uint64_t{0};  // ids are not negative
  static constexpr std::uint32_t no_rank = ~std::uint32_t{0};

  struct Join {
    std::uint64_t pair = no_pair;  // both ids
    std::uint32_t rank = no_rank;
    std::int32_t product = 0;
  };
  struct Candidate;
  struct Chain;

  void add(const Merge& merge, std::size_t rank, const StringMap<std::int32_t>& ids);
  [[nodiscard]] std::size_t place(std::uint64_t pair) const;
  [[nodiscard]] const Join& find(std::int32_t left, std::int32_t right) const;
  void apply_short(std::vector<std::int32_t>& symbols) const;
  void apply_long(std::vector<std::int32_t>& symbols) const;
  void offer(Chain& chain, std::size_t left) const;
  void join(Chain& chain, const Candidate& best) const;

  // Open addressing: a power of two of places, at most two thirds of them taken.
  std::vector<Join> joins_;
};

}  // namespace zofo::tokenize
