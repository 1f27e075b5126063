/// @file Caches the tokens of words that have been merged before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/tokenize/merge_table.hpp"

namespace zofo::tokenize {

/// Word -> ids, bounded in the number of words and in their length.
class WordCache {
 public:
  /// The ids of `word` if cached, else null; valid until the next put().
  const std::vector<std::int32_t>* get(std::string_view word) const;

  /// Caches `word` unless it is long; a full cache is emptied first.
  void put(std::string_view word, std::vector<std::int32_t> ids);

 private:
  StringMap<std::vector<std::int32_t>> words_;
};

/// The caches of one tokenizer, one for each concurrent call of encode. A copy of the tokenizer starts with
/// none.
class WordCaches {
 public:
  WordCaches() = default;
  WordCaches(const WordCaches&) {}
  WordCaches& operator=(const WordCaches&) { return *this; }

  /// Exclusive use of one cache; returns it on destruction.
  class Lease {
   public:
    /// Takes an idle cache of `home`, or a new one.
    explicit Lease(WordCaches& home) : home_(home), cache_(home.take()) {}
    ~Lease() { home_.give(cache_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    /// Appends the ids of `word`; compute(std::string_view) returns the ids of a word that is not cached.
    template <class Compute>
    void append(std::string_view word, std::vector<std::int32_t>& ids, Compute&& compute) {
      if (const auto* known = cache_->get(word)) {
        ids.insert(ids.end(), known->begin(), known->end());
        return;
      }
      std::vector<std::int32_t> made = compute(word);
      ids.insert(ids.end(), made.begin(), made.end());
      cache_->put(word, std::move(made));
    }

   private:
    WordCaches& home_;
    std::unique_ptr<WordCache> cache_;
  };

 private:
  std::unique_ptr<WordCache> take();
  void give(std::unique_ptr<WordCache>& cache) noexcept;

  std::mutex mutex_;
  std::size_t made_ = 0;
  std::vector<std::unique_ptr<WordCache>> idle_;
};

}  // namespace zofo::tokenize
