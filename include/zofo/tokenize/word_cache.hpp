/// @file Remembers the tokens of words already merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/tokenize/merge_table.hpp"

namespace zofo::tokenize {

/// Word -> ids, bounded in words and word length.
class WordCache {
 public:
  /// The ids of `word` if remembered, else null; valid until the next put().
  const std::vector<std::int32_t>* get(std::string_view word) const {
    const auto found = words_.find(word);
    return found == words_.end() ? nullptr : &found->second;
  }

  /// Remembers `word`; a full cache is emptied first, which is rare and keeps this simple.
  void put(std::string_view word, std::vector<std::int32_t> ids) {
    if (word.size() > kLongest) return;
    if (words_.size() >= kWords) words_.clear();
    words_.emplace(word, std::move(ids));
  }

 private:
  static constexpr std::size_t kWords = 1u << 16;
  static constexpr std::size_t kLongest = 64;  // longer words hardly ever come twice

  StringMap<std::vector<std::int32_t>> words_;
};

/// The caches of one tokenizer, as many as before encode at once; a copy of the tokenizer starts with none.
class WordCaches {
 public:
  WordCaches() = default;
  WordCaches(const WordCaches&) {}
  WordCaches& operator=(const WordCaches&) { return *this; }

  /// Appends the ids of words through a cache that nobody else uses for the time being.
  class Lease {
   public:
    explicit Lease(WordCaches& home) : home_(home), cache_(home.take()) {}
    ~Lease() { home_.give(cache_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    /// fresh(std::string_view) gives the ids of a word that is not remembered.
    template <class Fresh>
    void append(std::string_view word, std::vector<std::int32_t>& ids, Fresh&& fresh) {
      if (const auto* known = cache_->get(word)) {
        ids.insert(ids.end(), known->begin(), known->end());
        return;
      }
      std::vector<std::int32_t> made = fresh(word);
      ids.insert(ids.end(), made.begin(), made.end());
      cache_->put(word, std::move(made));
    }

   private:
    WordCaches& home_;
    std::unique_ptr<WordCache> cache_;
  };

 private:
  std::unique_ptr<WordCache> take() {
    const std::scoped_lock lock(mutex_);
    if (idle_.empty()) {
      idle_.reserve(++made_);  // giving it back later cannot throw
      return std::make_unique<WordCache>();
    }
    auto cache = std::move(idle_.back());
    idle_.pop_back();
    return cache;
  }

  void give(std::unique_ptr<WordCache>& cache) noexcept {
    const std::scoped_lock lock(mutex_);
    idle_.push_back(std::move(cache));
  }

  std::mutex mutex_;
  std::size_t made_ = 0;
  std::vector<std::unique_ptr<WordCache>> idle_;
};

}  // namespace zofo::tokenize
