#include "zofo/tokenize/word_cache.hpp"

namespace zofo::tokenize {

namespace {

constexpr std::size_t kWords = 1u << 16;
constexpr std::size_t kLongest = 64;   // bytes; longer words rarely occur twice
constexpr std::size_t kMostIds = 512;  // of a word; a byte has few

}  // namespace

void WordCache::put(std::string_view word, std::span<const std::int32_t> ids) {
  if (word.size() > kLongest || ids.size() > kMostIds) return;
  if (words_.size() >= kWords) {
    words_.clear();
    ids_.clear();
  }
  const auto count = static_cast<std::uint32_t>(ids.size());
  if (count == 1) {
    words_.add(word, {static_cast<std::uint32_t>(ids[0]), 1});
    return;
  }
  words_.add(word, {static_cast<std::uint32_t>(ids_.size()), count});
  ids_.insert(ids_.end(), ids.begin(), ids.end());
}

std::unique_ptr<WordCache> WordCaches::take() {
  const std::scoped_lock lock(mutex_);
  if (idle_.empty()) {
    idle_.reserve(++made_);  // so that give() cannot throw
    return std::make_unique<WordCache>();
  }
  auto cache = std::move(idle_.back());
  idle_.pop_back();
  return cache;
}

void WordCaches::give(std::unique_ptr<WordCache>& cache) noexcept {
  const std::scoped_lock lock(mutex_);
  idle_.push_back(std::move(cache));
}

}  // namespace zofo::tokenize
