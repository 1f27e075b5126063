#include "zofo/tokenize/word_cache.hpp"

namespace zofo::tokenize {

namespace {

constexpr std::size_t kWords = 1u << 16;
constexpr std::size_t kLongest = 64;  // longer words rarely occur twice

}  // namespace

const std::vector<std::int32_t>* WordCache::get(std::string_view word) const {
  const auto found = words_.find(word);
  return found == words_.end() ? nullptr : &found->second;
}

void WordCache::put(std::string_view word, std::vector<std::int32_t> ids) {
  if (word.size() > kLongest) return;
  if (words_.size() >= kWords) words_.clear();
  words_.emplace(word, std::move(ids));
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
