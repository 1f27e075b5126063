/// @file Caches the tokens of words that have been merged before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "zofo/tokenize/string_map.hpp"

namespace zofo::tokenize {

/// Word -> ids, bounded in the number of words and in their length.
class WordCache {
 public:
  /// Appends the ids of `word` if it is cached; returns whether it is.
  bool get(std::string_view word, std::vector<std::int32_t>& ids) const {
    const Ids* const known = words_.find(word);
    if (known == nullptr) return false;
    if (known->count == 1) {  // most words
      ids.push_back(static_cast<std::int32_t>(known->begin));
      return true;
    }
    const auto begin = ids_.begin() + static_cast<std::ptrdiff_t>(known->begin);
    ids.insert(ids.end(), begin, begin + static_cast<std::ptrdiff_t>(known->count));
    return true;
  }

  /// Caches `word` unless it is long; a full cache is emptied first.
  void put(std::string_view word, std::span<const std::int32_t> ids);

 private:
  // Where the ids are; if it is only one, `begin` is that id.
  struct Ids {
    std::uint32_t begin = 0, count = 0;
  };

  StringMap<Ids> words_;
  std::vector<std::int32_t> ids_;
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
      if (cache_->get(word, ids)) return;
      const std::vector<std::int32_t> made = compute(word);
      ids.insert(ids.end(), made.begin(), made.end());
      cache_->put(word, made);
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
