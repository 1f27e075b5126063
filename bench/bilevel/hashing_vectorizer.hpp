/// @file Bag of words without a vocabulary: word tokens hashed into a fixed number of buckets.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::bench {

/// The 64-bit FNV-1a hash (Fowler, Noll, Vo) of bytes.
[[nodiscard]] constexpr std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3;
  }
  return hash;
}

/// Maximal sequences of ASCII letters, digits and bytes above 127, with letters in lower case.
[[nodiscard]] inline std::vector<std::string> word_tokens(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char byte : text) {
    const char c = byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
    const bool word =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (static_cast<unsigned char>(c) >= 128);
    if (word && !inside) words.emplace_back();
    if (word) words.back().push_back(c);
    inside = word;
  }
  return words;
}

/// Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009, without signs: entry j
/// is ln(1 + count of the words whose FNV-1a hash is j modulo the buckets), the row then of length 1.
struct HashingVectorizer {
  Eigen::Index buckets = 64;

  /// Throws Error naming the field out of range.
  void check() const { require(buckets >= 1, "buckets = {}: must be at least 1", buckets); }

  /// `buckets` entries, non-negative; zero for a text without words.
  [[nodiscard]] Eigen::VectorXd operator()(std::string_view text) const {
    check();
    Eigen::VectorXd row = Eigen::VectorXd::Zero(buckets);
    for (const std::string& word : word_tokens(text))
      row[static_cast<Eigen::Index>(fnv1a(word) % static_cast<std::uint64_t>(buckets))] += 1;
    row = row.array().log1p();
    const double length = row.norm();
    return length > 0 ? Eigen::VectorXd(row / length) : row;
  }
};

}  // namespace zofo::bench
